"""What the command line says about dynamic dims: `--dynamic ids:0=batch[1..64],1=seq[1..512]`, `--bucket batch=1,8`."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from infc.errors import UsageError

from ...runtime.artifact import UNKNOWN, Dim, Method
from ...runtime.artifact.dtypes import byte_size
from ...runtime.shapes import sized

Axes = Mapping[str, Mapping[int, Dim]]  # of each input, by name, the dims that vary, by axis

_AXIS = re.compile(r"(?P<axis>\d+)=(?P<name>[A-Za-z_]\w*)(?:\[(?P<low>\d+)\.\.(?P<high>\d+)\])?", re.ASCII)
_BUCKET = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<sizes>\d+(?:,\d+)*)", re.ASCII)
_LARGEST = 1 << 31
_FORM = "--dynamic ids:0=batch[1..64],1=seq[1..512]"


@dataclass(frozen=True)
class Dynamic:
    """`axes` are the dims that vary, `buckets` the sizes that static modules are made for, by the dims' names."""

    axes: Axes = field(default_factory=dict[str, dict[int, Dim]])
    buckets: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])


def parse_dynamic(texts: Iterable[str], buckets: Iterable[str] = ()) -> Dynamic:
    """What the values of `--dynamic` and `--bucket` say.

    Raises:
        UsageError: one has another form, gives an axis twice or one dim two ranges or none, or a range that is none.
    """
    axes: dict[str, dict[int, Dim]] = {}
    parts = [part for text in texts for part in _parts(text)]
    ranges: dict[str, Dim] = {}
    for part in parts:
        known = ranges.setdefault(part.dim.name, part.dim) if part.dim.high else part.dim
        if known != part.dim:
            raise UsageError(
                f"--dynamic {part.text!r}: dim {part.dim.name!r} is from {part.dim.low} to {part.dim.high} here and "
                f"from {known.low} to {known.high} elsewhere",
                hint="inputs that share a dim name it alike; dims of different ranges have different names",
            )
    for part in parts:
        own = axes.setdefault(part.input, {})
        if part.axis in own:
            raise UsageError(
                f"--dynamic {part.text!r}: axis {part.axis} of input {part.input!r} is given twice",
                hint="one name for each axis",
            )
        if part.dim.name not in ranges:
            raise UsageError(
                f"--dynamic {part.text!r}: nothing says the range of {part.dim.name!r}",
                hint=f"say it once: {part.dim.name}[1..64]",
            )
        own[part.axis] = ranges[part.dim.name]
    return Dynamic(axes, _buckets(buckets))


def a_size(dim: Dim) -> int:
    """One of the dim's sizes that no tool takes for a special one."""
    return max(dim.low, min(3, dim.high))


def check_largest(method: Method) -> None:
    """Whether this machine can try the largest call, of which PyTorch and the compiled model each hold one.

    Raises:
        UsageError: inputs and outputs take more than a quarter of its memory.
    """
    largest = {dim.name: dim.high for dim in method.dims} | {UNKNOWN: 0}
    needed = sum(byte_size(spec.dtype, sized(spec, largest)) for spec in (*method.inputs, *method.outputs))
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if 4 * needed > there:
        sizes = ", ".join(f"{dim.name}={dim.high}" for dim in method.dims)
        raise UsageError(
            f"the largest call, {sizes}, takes {needed / 1e9:.3g} GB of inputs and outputs, and this machine has "
            f"{there / 1e9:.3g} GB of memory",
            hint="every size up to the largest is compared with PyTorch: give the dims narrower ranges",
        )


def axes_of(method: Method) -> dict[str, dict[int, Dim]]:
    """The axes that vary in the inputs of a method."""
    dims = {dim.name: dim for dim in method.dims}
    named = {
        spec.name: {axis: dims[size] for axis, size in enumerate(spec.shape) if isinstance(size, str)}
        for spec in method.inputs
    }
    return {name: axes for name, axes in named.items() if axes}


def check_buckets(buckets: Mapping[str, tuple[int, ...]], dims: Iterable[Dim]) -> None:
    """Raises `UsageError` for a bucket of a dim that the model has not, or of a size out of the dim's range."""
    ranges = {dim.name: dim for dim in dims}
    for name, sizes in buckets.items():
        if name not in ranges:
            raise UsageError(
                f"--bucket {name}: there is no such dynamic dim", hint=f"dims: {', '.join(ranges) or 'none'}"
            )
        dim = ranges[name]
        for size in sizes:
            if not dim.low <= size <= dim.high:
                raise UsageError(
                    f"--bucket {name}={size} is out of the range of {name}, {dim.low} to {dim.high}",
                    hint="sizes within the range that --dynamic, or the exported program, gives the dim",
                )


@dataclass(frozen=True)
class _Part:
    """One axis of what `text` says about an input. A dim whose range is said elsewhere has none: it ends at 0."""

    text: str
    input: str
    axis: int
    dim: Dim


def _parts(text: str) -> Iterator[_Part]:
    name, colon, rest = text.rpartition(":")
    if not colon or not name:
        raise UsageError(f"--dynamic {text!r} names no input", hint=_FORM)
    if "=" in name:
        raise UsageError(f"--dynamic {text!r} is about several inputs", hint="--dynamic once for each input")
    for part in rest.split(","):
        match = _AXIS.fullmatch(part)
        if match is None:
            raise UsageError(f"--dynamic {text!r}: {part!r} is no AXIS=NAME[LOW..HIGH]", hint=_FORM)
        yield _Part(text, name, int(match["axis"][:9]), _dim(text, match))


def _dim(text: str, match: re.Match[str]) -> Dim:
    if match["low"] is None:
        return Dim(name=match["name"], low=0, high=0)
    low, high = (min(int(match[end][:18]), _LARGEST) for end in ("low", "high"))
    if not 1 <= low < high < _LARGEST:
        raise UsageError(
            f"--dynamic {text!r}: {match['name']} is from {match['low']} to {match['high']}",
            hint="the smallest size, at least 1, then a larger one: batch[1..64]",
        )
    return Dim(name=match["name"], low=low, high=high)


def _buckets(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        match = _BUCKET.fullmatch(text)
        if match is None:
            raise UsageError(f"--bucket {text!r} is no NAME=SIZES", hint="--bucket batch=1,8,64")
        if match["name"] in found:
            raise UsageError(
                f"--bucket names {match['name']!r} twice", hint="all sizes of a dim in one: --bucket batch=1,8,64"
            )
        found[match["name"]] = tuple(sorted({int(size[:18]) for size in match["sizes"].split(",")}))
    return found
