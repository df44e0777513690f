"""What is done to a weight once, when its slab is written, instead of on every call.

A transform is text, so that it can be an attribute: `permute[1,0]`, `reshape[4,8]`, `cast[f16]`,
`bn_scale[0,1e-05,GAMMA,VAR]` … It says what comes out of which shape and
element type; `infc.compiler.slab.weights` does it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import Any, ClassVar, get_type_hints

Shape = tuple[int, ...]

_TEXT = re.compile(r"([a-z_]+)\[([^\[\]|]*)\]")
NO_BIAS = "-"
_CASTS = ("f16", "bf16", "f32")


@dataclass(frozen=True)
class Transform:
    """Base of all transforms; `str` gives the text that `parse_transform` reads back."""

    name: ClassVar[str]

    def apply(self, shape: Shape, element: str) -> tuple[Shape, str]:
        """Shape and element type of the result. Raises ValueError when this cannot be done to such a tensor."""
        raise NotImplementedError

    def __str__(self) -> str:
        values: list[str] = []
        for each in fields(self):
            value = getattr(self, each.name)
            values += map(str, value) if isinstance(value, tuple) else [str(value)]
        return f"{self.name}[{','.join(values)}]"


@dataclass(frozen=True)
class Permute(Transform):
    """The dimensions in another order, as `numpy.transpose` takes it."""

    name: ClassVar[str] = "permute"
    axes: Shape

    def apply(self, shape: Shape, element: str) -> tuple[Shape, str]:
        """Raises ValueError when this cannot be done to `shape`."""
        if sorted(self.axes) != list(range(len(shape))):
            raise ValueError(f"{self} does not permute the {len(shape)} dimensions of {_shape(shape)}")
        return tuple(shape[axis] for axis in self.axes), element


@dataclass(frozen=True)
class Reshape(Transform):
    """The same elements, in the same order, under another shape."""

    name: ClassVar[str] = "reshape"
    shape: Shape

    def apply(self, shape: Shape, element: str) -> tuple[Shape, str]:
        """Raises ValueError when the number of elements differs."""
        if prod(self.shape) != prod(shape):
            raise ValueError(f"{self} does not hold the elements of {_shape(shape)}")
        return self.shape, element


@dataclass(frozen=True)
class Flip(Transform):
    """The elements along each of `axes` from the last to the first, as `numpy.flip` takes it."""

    name: ClassVar[str] = "flip"
    axes: Shape

    def apply(self, shape: Shape, element: str) -> tuple[Shape, str]:
        """Raises ValueError when there are no such axes."""
        known = set(self.axes) <= set(range(len(shape)))
        if not self.axes or not known or len(set(self.axes)) < len(self.axes):
            raise ValueError(f"{self} does not name axes of {_shape(shape)}, each once")
        return shape, element


@dataclass(frozen=True)
class Phases(Transform):
    """A convolution's kernel [..., F, C, window...] cut into one kernel for each phase: [..., F * phases, C, parts...].

    There are as many phases as `steps` multiply to, one step for each dimension of the window. Phase a of a dimension
    of step s has the elements s - 1 - a, 2s - 1 - a, ... of the window, zeros beyond its end: those that fall on the
    elements of an image that stand s apart among zeros. There are ⌈window / s⌉ of them.
    """

    name: ClassVar[str] = "phases"
    steps: Shape

    def apply(self, shape: Shape, element: str) -> tuple[Shape, str]:
        """Raises ValueError when it is no kernel of so many dimensions."""
        spatial = len(self.steps)
        if not spatial or min(self.steps) < 1 or len(shape) < spatial + 2:
            raise ValueError(f"{self} cuts a kernel [..., F, C, window...], not {_shape(shape)}")
        *front, features, channels = shape[:-spatial]
        parts = (-(-size // step) for size, step in zip(shape[-spatial:], self.steps, strict=True))
        return (*front, features * prod(self.steps), channels, *parts), element


@dataclass(frozen=True)
class Cast(Transform):
    """Every element rounded to the nearest of another floating point type."""

    name: ClassVar[str] = "cast"
    element: str

    def apply(self, shape: Shape, element: str) -> tuple[Shape, str]:
        """Raises ValueError for what is no floating point type."""
        if self.element not in _CASTS or element not in (*_CASTS, "f64"):
            raise ValueError(f"{self} of {element}: casts are between floating point types, to {', '.join(_CASTS)}")
        return shape, self.element


@dataclass(frozen=True)
class BatchNormScale(Transform):
    """Each slice along `axis` times `gamma / sqrt(var + eps)`: a batch norm that follows, folded into a kernel.

    `gamma` and `var` are keys of weights with one element for each slice.
    """

    name: ClassVar[str] = "bn_scale"
    axis: int
    eps: float
    gamma: str
    var: str

    def apply(self, shape: Shape, element: str) -> tuple[Shape, str]:
        """Raises ValueError when there is no such axis."""
        if not 0 <= self.axis < len(shape):
            raise ValueError(f"{self}: {_shape(shape)} has no axis {self.axis}")
        return shape, element


@dataclass(frozen=True)
class BatchNormShift(Transform):
    """The rest of a folded batch norm, of its `beta`: `beta + (bias - mean) * gamma / sqrt(var + eps)`.

    `gamma`, `mean`, `var` and `bias`, the bias of what the batch norm follows, are keys of weights like it; `-` for no
    bias.
    """

    name: ClassVar[str] = "bn_shift"
    eps: float
    gamma: str
    mean: str
    var: str
    bias: str

    def apply(self, shape: Shape, element: str) -> tuple[Shape, str]:
        """Raises ValueError when it is no vector."""
        if len(shape) != 1:
            raise ValueError(f"{self} is for a vector, not for {_shape(shape)}")
        return shape, element


@dataclass(frozen=True)
class Quantize(Transform):
    """One part of a quantized matrix [N, K]: its integers, its scales, or its zero points.

    Each row is cut into groups of `group` elements; the elements of a group share one scale and one zero point,
    `w ≈ (q - zero) * scale`. q is signed. `scheme` is `sym`, where zero is 0 and no weight holds it, or `asym`. `part`
    says what comes out: `q` as [N, K] of i8, or for 4 bits of i4, of which two lie in a byte, the first in its low
    bits; `scale` as [N, K/group] of f32; `zero` as [N, K/group] of i8.
    """

    name: ClassVar[str] = "quantize"
    part: str
    bits: int
    group: int
    scheme: str

    def apply(self, shape: Shape, element: str) -> tuple[Shape, str]:
        """Raises ValueError when the matrix does not fall into groups."""
        if self.part not in ("q", "scale", "zero") or self.bits not in (4, 8) or self.scheme not in ("sym", "asym"):
            raise ValueError(f"{self}: expected quantize[q|scale|zero,4|8,GROUP,sym|asym]")
        if len(shape) != 2 or self.group < 1 or shape[1] % self.group:
            raise ValueError(f"{self}: rows of {_shape(shape)} do not fall into groups of {self.group}")
        if element not in (*_CASTS, "f64"):
            raise ValueError(f"{self}: only floating point weights are quantized, not {element}")
        rows, groups = shape[0], shape[1] // self.group
        if self.part == "scale":
            return (rows, groups), "f32"
        if self.part == "zero":
            return (rows, groups), "i8"
        return shape, f"i{self.bits}"


@dataclass(frozen=True)
class Concat(Transform):
    """Other matrices behind it along `axis`, which has `size` elements then. `keys` are those of the weights."""

    name: ClassVar[str] = "concat"
    axis: int
    size: int
    keys: tuple[str, ...]

    def apply(self, shape: Shape, element: str) -> tuple[Shape, str]:
        """Raises ValueError when there is no such axis, or nothing to put behind."""
        if not 0 <= self.axis < len(shape) or not self.keys or self.size <= shape[self.axis]:
            raise ValueError(f"{self} puts nothing behind {_shape(shape)} along axis {self.axis}")
        return (*shape[: self.axis], self.size, *shape[self.axis + 1 :]), element


_ALL: tuple[type[Any], ...] = (Permute, Reshape, Flip, Phases, Cast, BatchNormScale, BatchNormShift, Quantize, Concat)
_KINDS = {kind.name: kind for kind in _ALL}


def parse_transform(text: str) -> Transform:
    """The transform that `text` names. Raises ValueError when it names none."""
    match = _TEXT.fullmatch(text)
    kind = _KINDS.get(match[1]) if match else None
    if match is None or kind is None:
        raise ValueError(
            f"unknown weight transform {text!r}: expected one of {', '.join(_KINDS)}, with its values in []"
        )
    values = match[2].split(",") if match[2] else []
    make: Any = kind
    hints = [get_type_hints(kind)[each.name] for each in fields(kind)]
    try:
        if hints == [Shape]:
            return make(tuple(int(value) for value in values))
        if kind is Concat:
            return Concat(int(values[0]), int(values[1]), tuple(values[2:]))
        return make(*(hint(value) for hint, value in zip(hints, values, strict=True)))
    except (IndexError, ValueError):
        names = ",".join(each.name for each in fields(kind))
        raise ValueError(f"weight transform {text!r} is not {kind.name}[{names}]") from None


def parse_transforms(texts: Sequence[str]) -> tuple[Transform, ...]:
    """All of them. Raises ValueError for the first that names none."""
    return tuple(parse_transform(text) for text in texts)


def derived_key(source: str, transforms: Sequence[Transform], layout: str = "") -> str:
    """The key of the weight that `transforms` make of the weight `source`: `a.weight|permute[1,0]|cast[f16]`.

    With a `layout` behind it, `…@mmt4d[16,1]`, where one slab holds the weight in several.
    """
    return "|".join([source, *map(str, transforms)]) + (f"@{layout}" if layout else "")


def others(transforms: Sequence[Transform]) -> list[str]:
    """The keys of the weights that `transforms` read beside the one that they are done to."""
    keys: list[str] = []
    for transform in transforms:
        if isinstance(transform, Concat):
            keys += transform.keys
        if isinstance(transform, BatchNormScale):
            keys += [transform.gamma, transform.var]
        if isinstance(transform, BatchNormShift):
            keys += [transform.gamma, transform.mean, transform.var]
            keys += [transform.bias] if transform.bias != NO_BIAS else []
    return keys


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape))
