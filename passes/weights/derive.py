"""Making derived weights: an `infer.weight` of which the slab holds something computed from the source's."""

import hashlib
from collections.abc import Mapping
from typing import Any

from torch_mlir import ir

from infc.errors import CompileError

from ...dialects.infer import Weight
from ...dialects.layout import Layout, parse_layout
from ...dialects.transforms import Transform, derived_key, others, parse_transforms


def derive(
    weight: Any, *transforms: Transform, layout: str = "row_major", digests: Mapping[str, str] | None = None
) -> Any:
    """A new weight at the insertion point: what `transforms` make of `weight`'s logical tensor, packed as `layout`.

    `digests` has the digests of the weights that the transforms read beside it. Raises ValueError when a transform
    cannot be done to the tensor.
    """
    kind = ir.RankedTensorType(weight.logical.value)
    shape, element = tuple(kind.shape), str(kind.element_type)
    digest = weight.digest.value
    for transform in transforms:
        shape, element = transform.apply(shape, element)
        digest = _digest(digest, transform, digests or {})
    source, steps = recipe(weight)
    steps = (*steps, *transforms)
    element_type = ir.Type.parse(element)
    named = layout if is_named_by_layout(weight) else ""
    derived = Weight(
        key=ir.StringAttr.get(derived_key(source, steps, named)),
        digest=ir.StringAttr.get(digest),
        layout=ir.StringAttr.get(layout),
        logical=ir.TypeAttr.get(ir.RankedTensorType.get(shape, element_type)),
        result=ir.RankedTensorType.get(parse_layout(layout).packed_shape(shape), element_type),
    )
    if steps:
        derived.operation.attributes["source"] = ir.StringAttr.get(source)
        derived.operation.attributes["transforms"] = ir.ArrayAttr.get([ir.StringAttr.get(str(step)) for step in steps])
    return derived


def recipe(weight: Any) -> tuple[str, tuple[Transform, ...]]:
    """The key of the source's weight that `weight` is computed from, and how; its own and nothing when it is not."""
    attributes = weight.operation.attributes
    if "source" not in attributes:
        return weight.key.value.removesuffix(_suffix(weight)), ()
    return attributes["source"].value, parse_transforms([step.value for step in attributes["transforms"]])


def packed(weight: Any, layout: Layout, *, by_layout: bool) -> Any:
    """The same weight at the insertion point, packed as `layout`; called after it too with `by_layout`."""
    kind = ir.RankedTensorType(weight.logical.value)
    source, steps = recipe(weight)
    replacement = Weight(
        key=ir.StringAttr.get(derived_key(source, steps, str(layout) if by_layout else "")),
        digest=weight.digest,
        layout=ir.StringAttr.get(str(layout)),
        logical=weight.logical,
        result=ir.RankedTensorType.get(layout.packed_shape(kind.shape), kind.element_type),
    )
    for name in ("source", "transforms"):
        if name in weight.operation.attributes:
            replacement.operation.attributes[name] = weight.operation.attributes[name]
    return replacement


def is_named_by_layout(weight: Any) -> bool:
    """Whether the key ends with the layout: other programs may read the weight in another."""
    return weight.key.value.endswith(_suffix(weight))


def _suffix(weight: Any) -> str:
    return f"@{weight.layout.value}"


def _digest(digest: str, transform: Transform, digests: Mapping[str, str]) -> str:
    missing = [key for key in others([transform]) if key not in digests]
    if missing:
        raise CompileError(
            f"transform {transform} reads weight {missing[0]!r}, whose digest is not known",
            hint="run infer-raise-weights first, which gives weights their digests",
        )
    parts = [digest, str(transform), *(digests[key] for key in others([transform]))]
    return f"sha256:{hashlib.sha256('|'.join(parts).encode()).hexdigest()}"
