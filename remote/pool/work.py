"""One inference on its way to an executor and back, and what an executor may answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from .messages import Infer, Tensor

# Of an output that has a size known only after the call: nothing else bounds what an executor may claim for it.
LARGEST_OPEN = 1 << 28  # bytes


@dataclass(frozen=True)
class Answer:
    """One output: what it is, and its elements, little-endian."""

    tensor: Tensor
    data: bytes


@dataclass(frozen=True)
class Work:
    """One inference: the message, the bytes of its tensors, and the outputs that the model's interface promises.

    -1 in the shape of an output stands for a size that is known only after the call.
    """

    message: Infer
    data: Sequence[memoryview]
    outputs: tuple[Tensor, ...]

    def admits(self, tensors: tuple[Tensor, ...]) -> bool:
        """Whether an executor may answer with these; else what it claims would decide how much memory is taken."""
        return tensors == self.outputs or (
            len(tensors) == len(self.outputs) and all(map(_admits, self.outputs, tensors))
        )


def _admits(promised: Tensor, found: Tensor) -> bool:
    if (promised.name, promised.dtype) != (found.name, found.dtype) or len(promised.shape) != len(found.shape):
        return False
    if not all(size >= 0 and want in (-1, size) for want, size in zip(promised.shape, found.shape, strict=True)):
        return False
    return -1 not in promised.shape or found.size <= LARGEST_OPEN
