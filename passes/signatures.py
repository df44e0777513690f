"""What a module's public functions are called, and their types: a pass that changes them changes the interface."""

from torch_mlir import ir

from .base import BrokenPromise


def signatures(module: ir.Operation) -> dict[str, str]:
    """The types of the public functions by name."""
    found: dict[str, str] = {}
    for op in module.regions[0].blocks[0].operations:
        attributes = op.operation.attributes
        if op.operation.name != "func.func":
            continue
        if "sym_visibility" not in attributes or ir.StringAttr(attributes["sym_visibility"]).value == "public":
            found[ir.StringAttr(attributes["sym_name"]).value] = str(ir.TypeAttr(attributes["function_type"]).value)
    return found


def check_same(module: ir.Operation, before: dict[str, str], culprit: str) -> None:
    """Raises BrokenPromise, naming the pass `culprit`, where the public functions are not those of `before`."""
    after = signatures(module)
    for name, kind in before.items():
        if after.get(name) != kind:
            now = f"is now {after[name]}" if name in after else f"is gone; there is {', '.join(after) or 'none'}"
            raise _broken(culprit, f"@{name}, which was {kind}, {now}")
    if added := sorted(set(after) - set(before)):
        raise _broken(culprit, f"@{added[0]} is new, and public")


def _broken(culprit: str, what: str) -> BrokenPromise:
    return BrokenPromise(
        f"pass {culprit} changed the model's interface: function {what}",
        hint="a pass may rewrite what is in a public function, and add private ones",
        stage=culprit,
    )
