"""Field numbers from version to version: a field keeps its number, and no number is given twice.

That is protobuf's rule: a message of an earlier version says with a number which tensor it carries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..runtime.artifact import TensorSpec
from .proto_view import MessageView, proto_view
from .service import Fields, Service

_SET_ASIDE = range(19000, 20000)  # protobuf's own


def numbered_like(service: Service, before: Service) -> Service:
    """The service with the field numbers of an earlier version.

    Fields that are new get numbers that were never used, fields that are gone leave their numbers and names reserved. A
    method that was not there before is numbered from 1.
    """
    described = {
        old.method.name: (old, view) for old, view in zip(before.methods, proto_view(before).methods, strict=True)
    }
    methods = list(service.methods)
    for place, each in enumerate(methods):
        if each.method.name not in described:
            continue
        old, view = described[each.method.name]
        methods[place] = replace(
            each,
            inputs=_fields(each.method.inputs, old.inputs, view.request),
            outputs=_fields(each.method.outputs, old.outputs, view.response),
        )
    pool = service.pool and before.pool and numbered_like(service.pool, before.pool)
    return replace(service, methods=tuple(methods), pool=pool or service.pool)


def _fields(specs: Sequence[TensorSpec], old: Fields, view: MessageView) -> Fields:
    known: Mapping[str, int] = {field.tensor.name: field.number for field in view.fields}
    used = [*known.values(), *(number for number, _ in old.reserved)]
    free = max(used, default=0) + 1
    numbers: list[int] = []
    for spec in specs:
        if spec.name in known:
            numbers.append(known[spec.name])
            continue
        free = _SET_ASIDE.stop if free in _SET_ASIDE else free
        numbers.append(free)
        free += 1
    kept = {spec.name for spec in specs}
    gone = [(field.number, field.name) for field in view.fields if field.tensor.name not in kept]
    return Fields(tuple(numbers), tuple(sorted([*old.reserved, *gone])))
