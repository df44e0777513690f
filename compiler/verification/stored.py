"""PyTorch with the weights as the artifact stores them, in fewer bits.

Against the model's own weights a rounded model is as far off as its rounding makes it, and a small miscompile would not
be seen. Against PyTorch with the rounded weights it is as exact as any other: what is left is the compiler's own error.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ...dialects.transforms import Flip, Permute, Phases, Quantize, Reshape
from ...runtime.artifact import TargetBuild
from ..frontend.dtypes import TORCH_DTYPES
from ..frontend.export import Program
from ..slab.stored import CannotUndo, Recipe, as_stored, recipe_of, rounds
from ..slab.weights import WeightTable
from .reference import Reference

_MOST = 256 << 20  # bytes of rounded weights that are held; beyond, each is made anew where it is read

aten = torch.ops.aten
# These read rows or elements of a table; a matrix that is a table too may be stored twice.
_TABLES = {aten.embedding.default, aten.index_select.default, aten.gather.default, aten.index.Tensor}


@dataclass
class StoredWeights:
    """The weights of a build that are stored in fewer bits, by the source's keys in `weights`.

    Each has one recipe, or one as a matrix of products and another as a table.
    """

    weights: WeightTable
    matrices: dict[str, Recipe] = field(default_factory=dict[str, Recipe])
    tables: dict[str, Recipe] = field(default_factory=dict[str, Recipe])
    _held: dict[tuple[str, Recipe], torch.Tensor] = field(default_factory=dict[tuple[str, Recipe], torch.Tensor])

    @staticmethod
    def of(build: TargetBuild, weights: WeightTable) -> "StoredWeights":
        """Those of all stages.

        Raises:
            CannotUndo: a weight is not among `weights`, or stored in more ways than two.
        """
        found = StoredWeights(weights)
        for weight in (each for stage in build.stages for each in stage.slab.weights):
            source, recipe = recipe_of(weight.key, weight.layout)
            if rounds(recipe) and source not in weights.tensors:
                raise CannotUndo(f"the source has no weight {source!r}")
            quantized = any(isinstance(step, Quantize) for step in recipe)
            known = (found.matrices if quantized else found.tables).setdefault(source, recipe)
            if _rounding(known) != _rounding(recipe):
                raise CannotUndo(f"weight {source!r} is stored in several ways")
        for source in [key for key, recipe in found.tables.items() if not rounds(recipe)]:
            if source not in found.matrices:
                del found.tables[source]  # as PyTorch has it
        return found

    @property
    def keys(self) -> set[str]:
        """The weights of which something is stored in fewer bits."""
        return set(self.matrices) | set(self.tables)

    def tensor(self, key: str, *, table: bool) -> torch.Tensor:
        """The weight as it is read in a table, or elsewhere. Raises as `as_stored`."""
        first, second = (self.tables, self.matrices) if table else (self.matrices, self.tables)
        recipe = first.get(key) or second.get(key) or ()
        if key in first and not rounds(first[key]):
            return self.weights.tensors[key]
        if (key, recipe) in self._held:
            return self._held[key, recipe]
        made = as_stored(self.weights.tensors, key, recipe)
        if sum(each.nbytes for each in self._held.values()) + made.nbytes <= _MOST:
            self._held[key, recipe] = made
        return made


def _rounding(recipe: Recipe) -> Recipe:
    """What of a recipe decides the numbers that are left: all parts of a quantized weight have one."""
    if not rounds(recipe):
        return ()
    if any(isinstance(step, Quantize) for step in recipe):
        return tuple(replace(step, part="q") if isinstance(step, Quantize) else step for step in recipe)
    moves = Permute | Reshape | Flip | Phases  # an element is rounded for itself
    return tuple(step for step in recipe if not isinstance(step, moves))


class StoredReference(Reference):
    """The source's own module, computing with `stored` weights; its own are not changed.

    `unseen` are the stored weights that it did not come across; all of them before the first call.
    """

    def __init__(self, program: Program, stored: StoredWeights, before: Callable[[], None] = lambda: None) -> None:
        super().__init__(program, before)
        self._stored = stored
        self.unseen = stored.keys
        before()
        by_digest = {digest: key for key, digest in stored.weights.digests.items() if key in stored.keys}
        hashed = stored.weights.hashed
        self._own = [
            (tensor, by_digest[hashed.of(tensor)]) for tensor in _tensors(program) if hashed.of(tensor) in by_digest
        ]
        if program.source.onnx is not None:
            self._module = self._rewritten(by_digest)

    def _call(self, inputs: Mapping[str, torch.Tensor]) -> Any:
        places = {_place(tensor): key for tensor, key in self._own}
        with _Swapping(self._stored, places, self.unseen):
            return super()._call(inputs)

    def _rewritten(self, by_digest: Mapping[str, str]) -> Any:
        def rounded(tensor: torch.Tensor) -> torch.Tensor | None:
            key = by_digest.get(self._stored.weights.hashed.of(tensor)) if tensor.dtype in TORCH_DTYPES else None
            if key is None:
                return None
            self.unseen.discard(key)
            return self._stored.tensor(key, table=key not in self._stored.matrices)

        module: Any = self._program.source.module
        return module.with_weights(rounded)


class _Swapping(TorchDispatchMode):
    """Gives operators the stored weights in place of the module's own."""

    def __init__(self, stored: StoredWeights, places: Mapping[Any, str], unseen: set[str]) -> None:
        super().__init__()
        self._stored, self._places, self._unseen = stored, places, unseen

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        table = func in _TABLES

        def swapped(leaf: Any) -> Any:
            key = self._places.get(_place(leaf)) if isinstance(leaf, torch.Tensor) else None
            if key is None:
                return leaf
            self._unseen.discard(key)
            return self._stored.tensor(key, table=table)

        swapped_args, swapped_kwargs = pytree.tree_map(swapped, (args, kwargs or {}))
        return func(*swapped_args, **swapped_kwargs)


def _place(tensor: torch.Tensor) -> Any:
    if tensor.layout is not torch.strided:
        return None
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype


def _tensors(program: Program) -> Iterator[torch.Tensor]:
    """What the module computes with, whoever holds it."""
    held: list[Any] = []
    if isinstance(program.source.module, torch.nn.Module):
        held += [*program.source.module.parameters(), *program.source.module.buffers()]
    exported: Any = program.exported
    if program.source.onnx is None:
        held += [*exported.state_dict.values(), *exported.constants.values()]
    for tensor in held:
        if isinstance(tensor, torch.Tensor) and tensor.dtype in TORCH_DTYPES and tensor.layout is torch.strided:
            yield tensor
