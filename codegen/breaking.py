"""What breaks the callers of an earlier version of a model, change by change.

A caller is one of the typed service, of the Open Inference Protocol, or of the generated Python client's methods. A
model has to take every input that it took, and to give for it outputs of the sizes that it gave.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from ..runtime.artifact import Method, TensorSpec
from ..runtime.artifact import signature as sig
from .proto_view import FieldView, MessageView, RpcView, proto_view
from .service import Service
from .sizes import Sizes, joined, output_stays, say


def breaking_changes(before: Service, after: Service) -> list[str]:
    """A line for each change from `before` to `after` that breaks a caller; none where all still work."""
    found = list(_changes(before, after, calls=True))
    if before.pool or after.pool:  # callers of the typed service do not see the whole model, and those in Python do
        found += _changes(before.served, after.served, calls=False)
    return list(dict.fromkeys(found))


def _changes(before: Service, after: Service, *, calls: bool) -> Iterator[str]:
    old, new = proto_view(before), proto_view(after)
    if before.name != after.name:
        yield f"the model {before.name!r} is called {after.name!r}"
    if (old.package, old.service) != (new.package, new.service):
        yield f"the typed service {old.package}.{old.service} is called {new.package}.{new.service}"
    there = {each.method: each for each in new.methods}
    methods = {each.method.name: each.method for each in after.methods}
    for described, view in zip(before.methods, old.methods, strict=True):
        name = described.method.name
        if name not in there:
            yield f"method {name!r} is gone"
            continue
        for change in _method_changes(described.method, methods[name], view, there[name]):
            yield f"method {name!r}: {change}"
        for change in _call_changes(described.method, methods[name]) if calls else ():
            yield f"method {name!r}: {change}"


def _method_changes(old: Method, new: Method, old_view: RpcView, new_view: RpcView) -> Iterator[str]:
    if old_view.name != new_view.name:
        yield f"its rpc {old_view.name} is called {new_view.name}"
    yield from _message_changes("input", old_view.request, new_view.request, old, new)
    for name in _absent(new.inputs, old.inputs):
        yield f"input {name!r} is new, and every input has to be given"
    yield from _shared_sizes(old, new)
    yield from _message_changes("output", old_view.response, new_view.response, old, new)


def _message_changes(side: str, old: MessageView, new: MessageView, before: Method, after: Method) -> Iterator[str]:
    fields = {field.tensor.name: field for field in new.fields}
    taken = {field.number: field for field in new.fields}
    for field in old.fields:
        name = field.tensor.name
        if name not in fields:
            yield f"{side} {name!r} is gone"
            if field.number in taken:
                yield _reused(side, taken[field.number], name)
            continue
        for change in _field_changes(side, field, fields[name], Sizes(before), Sizes(after)):
            yield f"{side} {name!r} {change}"
    for number, name in old.reserved:
        if number in taken:
            yield _reused(side, taken[number], name)


def _reused(side: str, field: FieldView, before: str) -> str:
    return f"{side} {field.tensor.name!r} has the field number {field.number}, which {before!r} had"


def _field_changes(side: str, old: FieldView, new: FieldView, before: Sizes, after: Sizes) -> Iterator[str]:
    if old.number != new.number:
        yield f"has the field number {new.number}, it was {old.number}"
    if old.name != new.name:
        yield f"is the field {new.name}, it was {old.name}"
    if old.tensor.dtype != new.tensor.dtype:
        yield f"is {new.tensor.dtype}, it was {old.tensor.dtype}"
    if len(old.tensor.shape) != len(new.tensor.shape):
        yield f"has {len(new.tensor.shape)} dims, they were {len(old.tensor.shape)}"
        return
    for axis, (was, now) in enumerate(zip(old.tensor.shape, new.tensor.shape, strict=True)):
        if side == "output":
            if not output_stays(before, after, was, now):
                yield f"has {after.said(now)} along dim {axis}, it was {before.said(was)}"
            continue
        taken, given = after.of(now), before.of(was)
        if not taken[0] <= given[0] <= given[1] <= taken[1]:
            yield f"has {say(taken)} along dim {axis}, it was {say(given)}"
    if side == "input":
        yield from _bound_changes(old, new)


def _bound_changes(old: FieldView, new: FieldView) -> Iterator[str]:
    was, now = (old.tensor.low, old.tensor.high), (new.tensor.low, new.tensor.high)
    if now[0] is not None and (was[0] is None or was[0] < now[0]):
        yield f"takes values from {now[0]}, it was from {'any' if was[0] is None else was[0]}"
    if now[1] is not None and (was[1] is None or was[1] > now[1]):
        yield f"takes values to {now[1]}, it was to {'any' if was[1] is None else was[1]}"


def _shared_sizes(old: Method, new: Method) -> Iterator[str]:
    """Sizes of inputs that must now be equal and might differ before."""
    for dim, where in joined(Sizes(old), Sizes(new)):
        yield f"{', '.join(f'{name!r}[{axis}]' for name, axis in where)} must have one size, {dim}"


def _call_changes(old: Method, new: Method) -> Iterator[str]:
    """The arguments of the Python client, and what it returns."""
    arguments = {each.name: each for each in new.takes}
    given, taken = _by_position(old), _by_position(new)
    for was, now in zip_longest(given, taken[: len(given)]):
        if was in arguments and was != now:
            yield f"argument {was!r} cannot be given in its place among the arguments"
            break
    for each in old.takes:
        now = arguments.get(each.name)
        if now is None:
            if any(sig.tensors(each.tree)):
                yield f"argument {each.name!r} is gone"
            continue
        if each.kind != "positional" and now.kind == "positional":
            yield f"argument {each.name!r} cannot be given by name"
        if now.tree != each.tree and set(sig.tensors(now.tree)) == set(sig.tensors(each.tree)):
            yield f"argument {each.name!r} has another structure"
    if not _absent(old.outputs, new.outputs) and not _contains(new.returns, old.returns):
        yield "what it returns has another structure"


def _contains(new: sig.Tree, old: sig.Tree) -> bool:
    """Whether what is reached in the old result by name or place is reached in the new one."""
    if type(new) is not type(old):
        return False
    if isinstance(old, sig.Mapping | sig.Record) and isinstance(new, sig.Mapping | sig.Record):
        items = dict(zip(new.keys, new.items, strict=True))
        return all(key in items and _contains(items[key], item) for key, item in zip(old.keys, old.items, strict=True))
    below, had = sig.children(new), sig.children(old)
    if not had:
        return new == old
    named = not isinstance(old, sig.NamedTuple) or (isinstance(new, sig.NamedTuple) and new.keys == old.keys)
    return named and len(below) == len(had) and all(map(_contains, below, had))


def _by_position(method: Method) -> list[str]:
    return [each.name for each in method.takes if each.kind != "keyword"]


def _absent(specs: Sequence[TensorSpec], among: Sequence[TensorSpec]) -> list[str]:
    names = {spec.name for spec in among}
    return [spec.name for spec in specs if spec.name not in names]
