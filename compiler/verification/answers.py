"""PyTorch's answers to the trials of one compile: asked for once, for every target and every candidate."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import torch

from ...runtime.artifact import LeftOut, Method, TensorSpec, Values
from ...runtime.artifact.dtypes import byte_size
from ...runtime.shapes import sized
from ..frontend.dtypes import TORCH_DTYPES
from ..frontend.export import Program
from ..slab.digests import elements
from ..toolchain.tools import Tools
from .reference import Reference, Tensors
from .trials import Trial, draw_trials, planned

_MOST = 256 << 20  # bytes of inputs and answers that are held, and kept in the cache; beyond, PyTorch is asked again

_DTYPES = {name: dtype for dtype, name in TORCH_DTYPES.items()}

Drawn = Sequence[Trial | LeftOut]


class _Tensor(msgspec.Struct):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Trial(msgspec.Struct):
    values: Values
    number: int
    inputs: dict[str, _Tensor]
    expected: dict[str, _Tensor]
    sizes: dict[str, int]


class _Drawn(msgspec.Struct):
    """One of both."""

    trial: _Trial | None = None
    left_out: LeftOut | None = None


@dataclass(frozen=True)
class Span:
    """Where dims vary: the `sizes` that are tried, and the `visible` masks of `ModuleBuild`. See `verify`."""

    sizes: Sequence[Mapping[str, int]] = ()
    visible: Sequence[str] = ()


FIXED = Span()


@dataclass
class Answers:
    """The trials of one compile, `count` and `seed` as in `draw_trials`.

    `contents` is what the model is, see `contents_of`; None keeps nothing in the cache.
    """

    tools: Tools
    contents: str | None
    count: int
    seed: int
    _held: dict[str, Drawn] = field(default_factory=dict[str, Drawn])

    def to(self, program: Program, span: Span = FIXED) -> Iterable[Trial | LeftOut]:
        """The trials of a method over `span`, in their order. Raises as `draw_trials`, when they are iterated."""
        if not self.held(program, span):
            return self._drawn(program, span)
        key = f"{program.method.name} {span}"
        if key not in self._held:
            self._held[key] = self._asked(program, span)
        return self._held[key]

    def held(self, program: Program, span: Span = FIXED) -> bool:
        """Whether the answers are few enough to be held, so that PyTorch is not asked twice."""
        method = program.method
        try:
            return sum(_bytes(method, own) for own in planned(program, self.count, span.sizes, span.visible)) <= _MOST
        except (KeyError, ValueError):  # a size that the data decides
            return False

    def _drawn(self, program: Program, span: Span) -> Iterable[Trial | LeftOut]:
        return draw_trials(program, Reference(program), self.count, self.seed, span.sizes, span.visible)

    def _asked(self, program: Program, span: Span) -> Drawn:
        made_from = [self.contents or "", program.method.name, f"{self.count} {self.seed} {span}"]
        known = self.tools.recall("answers", made_from) if self.contents else None
        if known is not None:
            return [_read(each) for each in msgspec.msgpack.decode(known, type=list[_Drawn])]
        found = list(self._drawn(program, span))
        if self.contents:
            self.tools.keep("answers", made_from, msgspec.msgpack.encode(list(map(_written, found))))
        return found


def _bytes(method: Method, sizes: Mapping[str, int]) -> int:
    def of(spec: TensorSpec) -> int:
        return byte_size(spec.dtype, sized(spec, sizes))

    return sum(map(of, (*method.inputs, *method.outputs)))


def _written(each: Trial | LeftOut) -> _Drawn:
    if isinstance(each, LeftOut):
        return _Drawn(left_out=each)
    inputs, expected = _tensors(each.inputs), _tensors(each.expected)
    return _Drawn(_Trial(each.values, each.number, inputs, expected, dict(each.sizes)))


def _tensors(tensors: Tensors) -> dict[str, _Tensor]:
    return {
        name: _Tensor(TORCH_DTYPES[each.dtype], tuple(each.shape), elements(each).tobytes())
        for name, each in tensors.items()
    }


def _read(kept: _Drawn) -> Trial | LeftOut:
    trial = kept.trial
    if trial is None and kept.left_out:
        return kept.left_out
    if trial is None:
        raise ValueError("an entry of the cache holds neither a trial nor why there is none")
    inputs = {name: _tensor(each) for name, each in trial.inputs.items()}
    expected = {name: _tensor(each) for name, each in trial.expected.items()}
    return Trial(trial.values, trial.number, inputs, expected, trial.sizes)


def _tensor(kept: _Tensor) -> torch.Tensor:
    if not math.prod(kept.shape):
        return torch.empty(kept.shape, dtype=_DTYPES[kept.dtype])
    return torch.frombuffer(bytearray(kept.data), dtype=_DTYPES[kept.dtype]).reshape(kept.shape)
