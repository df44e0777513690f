"""The weights of a model on their way from PyTorch into a slab."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch_mlir import ir

from infc.errors import CompileError

from ...dialects.infer import Weight
from ...dialects.layout import Mmt4d, parse_layout
from ...dialects.transforms import Transform
from ...passes.walk import operations
from ...passes.weights.derive import recipe
from ...passes.weights.rows import reads_rows
from ...runtime.artifact import WeightData
from ..frontend.dtypes import TORCH_DTYPES
from .digests import Digests, elements
from .transforming import transformed


@dataclass
class WeightTable:
    """The logical tensors that left the program, by key, each with its digest.

    Tensors are held as PyTorch holds them; nothing is copied until `data` packs one for the slab.
    """

    tensors: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    digests: dict[str, str] = field(default_factory=dict[str, str])
    hashed: Digests = field(default_factory=Digests)
    _keys: dict[str, str] = field(default_factory=dict[str, str])  # by digest

    def add(self, key: str, tensor: torch.Tensor) -> str:
        """Take `tensor` (any supported dtype, any strides) in; the key that it has now.

        It is `key`, or that of an equal tensor, or one made from it where another tensor has that: several programs of
        one model share a table, and name their weights each in its own way.
        """
        digest = self.hashed.of(tensor)  # a tied weight is hashed once
        if digest in self._keys:
            return self._keys[digest]
        free, count = key, 0
        while free in self.digests:
            count += 1
            free = f"{key}_{count}"
        self.tensors[free], self.digests[free], self._keys[digest] = tensor, digest, free
        return free

    def data(self, uses: "list[WeightUse]") -> Iterator[WeightData]:
        """The weights of one slab, in the order of `uses`: each C-contiguous, packed as its layout says, in a carrier
        dtype, and only when it is asked for."""
        for use in uses:
            tensor = transformed(self.tensors, use.source, use.transforms)
            packed = _packed(tensor, use.layout)
            if packed.shape != use.shape or (not use.transforms and use.digest != self.digests[use.source]):
                raise CompileError(
                    f"weight {use.source!r} in {use.layout} has shape {list(packed.shape)} and digest "
                    f"{self.digests[use.source]}; the program reads {list(use.shape)}, and {use.digest}",
                    hint="a pass wrote an infer.weight that is not the model's; --save-temps keeps the program",
                    stage="weights",
                )
            yield WeightData(
                key=use.key,
                digest=use.digest,
                dtype="i4" if use.element == "i4" else TORCH_DTYPES[tensor.dtype],
                shape=use.shape,
                layout=use.layout,
                data=_nibbles(packed) if use.element == "i4" else packed,
                by_rows=use.by_rows,
            )


@dataclass(frozen=True)
class WeightUse:
    """A weight as the lowered program reads it: `shape` elements of MLIR's type `element`. `source` is the key of the
    tensor that `transforms` make it of. `by_rows`: every use reads rows alone, as `reads_rows` says."""

    key: str
    digest: str
    layout: str
    shape: tuple[int, ...]
    source: str
    element: str
    transforms: tuple[Transform, ...] = ()
    by_rows: bool = False


def weight_uses(module: ir.Operation) -> list[WeightUse]:
    """The weights that the program reads, each key once, in the order of their first use in a forward pass."""
    found: dict[str, WeightUse] = {}
    whole: set[str] = set()
    for op in operations(module):
        for number, value in enumerate(op.operands):
            owner = value.owner
            if isinstance(owner, ir.Block) or owner.operation.name != Weight.OPERATION_NAME:
                continue
            weight = owner.opview
            key = weight.key.value
            if key not in whole and not reads_rows(op, number):
                whole.add(key)
            if key not in found:
                kind = ir.RankedTensorType(weight.results[0].type)
                source, transforms = recipe(weight)
                shape, element = tuple(kind.shape), str(kind.element_type)
                found[key] = WeightUse(
                    key, weight.digest.value, weight.layout.value, shape, source, element, transforms
                )
    return [replace(use, by_rows=use.key not in whole) for use in found.values()]


def _packed(tensor: torch.Tensor, layout: str) -> np.ndarray:
    array = elements(tensor)
    packing = parse_layout(layout)
    return _mmt4d(array, packing) if isinstance(packing, Mmt4d) else array


def _nibbles(array: np.ndarray) -> np.ndarray:
    """Two elements of 4 bits in a byte, the first in its low bits, as IREE reads i4."""
    flat = array.reshape(-1)
    return (flat[0::2] & 15) | (flat[1::2] << 4)


def _mmt4d(matrices: np.ndarray, layout: Mmt4d) -> np.ndarray:
    rows = matrices.swapaxes(-1, -2) if layout.transposed else matrices
    *batch, n1, k1, n0, k0 = layout.packed_shape(matrices.shape)
    n, k = rows.shape[-2:]
    if (n, k) != (n1 * n0, k1 * k0):
        rows = np.pad(rows, (*((0, 0) for _ in batch), (0, n1 * n0 - n), (0, k1 * k0 - k)))
    return np.ascontiguousarray(rows.reshape(*batch, n1, n0, k1, k0).swapaxes(-2, -3))
