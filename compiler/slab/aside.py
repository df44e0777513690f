"""The model's weights in the slab alone, while the artifact is compared: PyTorch's copy is freed, and filled again when
PyTorch is asked once more."""

import ctypes
from types import TracebackType
from typing import Self

import numpy as np
import torch

from infc.errors import VerifyError

from ...dialects.layout import Mmt4d, parse_layout
from ...runtime.artifact import CHUNK_SIZE, Artifact, Slab, SlabWeight
from .digests import Digests, elements
from .weights import WeightTable


class Aside:
    """Frees the tensors of `weights` that lie in a slab of `staged` as they are, at `free`, and fills them at `restore`
    and at the end of the context.

    What shares its memory with a tensor of another extent is left alone; so is what the slab has in other numbers.

    Args:
        for_good: whether the process ends too. Else nothing is freed: should a tensor not be filled again, its reader
            would crash.
    """

    def __init__(self, weights: WeightTable, staged: Artifact, *, for_good: bool) -> None:
        self._staged = staged
        self._for_good = for_good
        self._places = {
            weight.digest: (stage.slab, weight)
            for build in staged.config.targets
            for stage in build.stages
            for weight in stage.slab.weights
        }
        self._tensors = [
            (weights.digests[key], tensor)
            for key, tensor in weights.tensors.items()
            if weights.digests[key] in self._places and _owns_its_memory(tensor)
        ]
        self._freed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if not self._for_good:
            self.restore()

    def free(self) -> None:
        """Free the tensors' memory; nothing may read them before `restore`."""
        if not self._for_good:  # a caller that goes on with the model must never meet an empty tensor
            return
        for _, tensor in () if self._freed else self._tensors:
            tensor.untyped_storage().resize_(0)
        self._freed = True
        ctypes.CDLL(None).malloc_trim(0)  # what is free, but between other things in the heap

    def restore(self) -> None:
        """Fill the tensors again.

        Raises:
            VerifyError: the slab does not hold a weight's numbers: it was packed wrongly.
        """
        for digest, tensor in self._tensors if self._freed else ():
            storage = tensor.untyped_storage()
            storage.resize_(tensor.numel() * tensor.element_size())
            plain = elements(tensor)  # the same memory, which numpy may not write to
            found = np.array(self._read(*self._places[digest], plain), order="C")  # a copy: what was read is read-only
            with torch.no_grad():
                tensor.view(torch.uint8).copy_(torch.from_numpy(found).view(tensor.shape).view(torch.uint8))
            if Digests().of(tensor) != digest:
                raise VerifyError(
                    f"the slab holds other numbers than the weight {digest}",
                    hint="this is a bug in infc: please report it",
                )
        self._freed = False

    def _read(self, slab: Slab, weight: SlabWeight, like: np.ndarray) -> np.ndarray:
        first, last = weight.offset // CHUNK_SIZE, -(-(weight.offset + weight.length) // CHUNK_SIZE)
        data = b"".join(self._staged.read(chunk) for chunk in slab.chunks[first:last])
        start = weight.offset - first * CHUNK_SIZE
        packed = np.frombuffer(data[start : start + weight.length], like.dtype).reshape(weight.shape)
        layout = parse_layout(weight.layout)
        return _unpacked(packed, layout, like.shape) if isinstance(layout, Mmt4d) else packed.reshape(like.shape)


def _unpacked(packed: np.ndarray, layout: Mmt4d, shape: tuple[int, ...]) -> np.ndarray:
    *batch, n1, k1, n0, k0 = packed.shape
    rows = packed.swapaxes(-3, -2).reshape(*batch, n1 * n0, k1 * k0)
    matrix = rows.swapaxes(-2, -1) if layout.transposed else rows
    return matrix[..., : shape[-2], : shape[-1]]


def _owns_its_memory(tensor: torch.Tensor) -> bool:
    storage = tensor.untyped_storage()
    whole = tensor.storage_offset() == 0 and storage.nbytes() == tensor.numel() * tensor.element_size()
    return whole and tensor.is_contiguous() and tensor.device.type == "cpu" and storage.resizable()
