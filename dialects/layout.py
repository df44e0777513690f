"""Packed layouts of a weight: how the slab's bytes follow from the logical tensor.

A layout is text, so that it can be an attribute and a field of the artifact: `row_major`, or `mmt4d[N0,K0]`, the
right-hand side of `linalg.mmt4d`: a matrix W[N, K] cut into N0×K0 tiles, `[⌈N/N0⌉, ⌈K/K0⌉, N0, K0]`, padded with zeros.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MMT4D = re.compile(r"mmt4d\[(\d{1,4}),(\d{1,4})(t?)\]")


@dataclass(frozen=True)
class RowMajor:
    """The logical tensor as PyTorch's contiguous memory has it."""

    def __str__(self) -> str:
        return "row_major"

    def packed_shape(self, logical: Sequence[int]) -> tuple[int, ...]:
        """The shape in the slab of a weight of shape `logical`."""
        return tuple(logical)


@dataclass(frozen=True)
class Mmt4d:
    """Tiles of `n0`×`k0` of a matrix whose rows are outputs, `[N, K]`; of `[K, N]` when `transposed` (text: `…t]`).

    Of several matrices, `[…, N, K]`, each is packed by itself.
    """

    n0: int
    k0: int
    transposed: bool = False

    def __str__(self) -> str:
        return f"mmt4d[{self.n0},{self.k0}{'t' if self.transposed else ''}]"

    def packed_shape(self, logical: Sequence[int]) -> tuple[int, ...]:
        """The shape in the slab of a weight of shape `logical`. Raises ValueError when that is no matrix."""
        if len(logical) < 2:
            raise ValueError(f"layout {self} packs a matrix, not a tensor of rank {len(logical)}")
        *batch, n, k = logical
        n, k = (k, n) if self.transposed else (n, k)
        return (*batch, -(-n // self.n0), -(-k // self.k0), self.n0, self.k0)


Layout = RowMajor | Mmt4d


def parse_layout(text: str) -> Layout:
    """The layout that `text` names. Raises ValueError when it names none."""
    if text == "row_major":
        return RowMajor()
    match = _MMT4D.fullmatch(text)
    if match is None or "0" in match.group(1, 2):
        raise ValueError(f"unknown weight layout {text!r}: expected row_major or mmt4d[N0,K0]")
    return Mmt4d(int(match[1]), int(match[2]), bool(match[3]))
