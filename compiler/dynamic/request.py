"""What the command line says about dynamic dims: `--dynamic ids:0=batch[1..64],1=seq[1..512]`, `--bucket batch=1,8`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from infc.errors import UsageError

from ...runtime.artifact import Dim, Method

Axes = Mapping[str, Mapping[int, Dim]]  # of each input, by name, the dims that vary, by axis

_AXIS = re.compile(r"(?P<axis>\d+)=(?P<name>[A-Za-z_]\w*)\[(?P<low>\d+)\.\.(?P<high>\d+)\]", re.ASCII)
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
        UsageError: one has another form, gives an axis twice or one dim two ranges, or a range that is none.
    """
    axes: dict[str, dict[int, Dim]] = {}
    ranges: dict[str, Dim] = {}
    for text in texts:
        name, colon, rest = text.rpartition(":")
        if not colon or not name:
            raise UsageError(f"--dynamic {text!r} names no input", hint=_FORM)
        own = axes.setdefault(name, {})
        for part in rest.split(","):
            axis, dim = _dim(text, part)
            if axis in own:
                raise UsageError(f"--dynamic {text!r}: axis {axis} of input {name!r} is given twice")
            known = ranges.setdefault(dim.name, dim)
            if known != dim:
                raise UsageError(
                    f"--dynamic {text!r}: dim {dim.name!r} is from {dim.low} to {dim.high} here and from {known.low} "
                    f"to {known.high} elsewhere",
                    hint="inputs that share a dim name it alike; dims of different ranges have different names",
                )
            own[axis] = dim
    return Dynamic(axes, _buckets(buckets))


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
                raise UsageError(f"--bucket {name}={size} is out of the range of {name}, {dim.low} to {dim.high}")


def _dim(text: str, part: str) -> tuple[int, Dim]:
    match = _AXIS.fullmatch(part)
    if match is None:
        raise UsageError(f"--dynamic {text!r}: {part!r} is no AXIS=NAME[LOW..HIGH]", hint=_FORM)
    low, high = (min(int(match[end][:18]), _LARGEST) for end in ("low", "high"))
    if not 1 <= low < high < _LARGEST:
        raise UsageError(
            f"--dynamic {text!r}: {match['name']} is from {match['low']} to {match['high']}",
            hint="the smallest size, at least 1, then a larger one: batch[1..64]",
        )
    return int(match["axis"][:9]), Dim(name=match["name"], low=low, high=high)


def _buckets(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        match = _BUCKET.fullmatch(text)
        if match is None:
            raise UsageError(f"--bucket {text!r} is no NAME=SIZES", hint="--bucket batch=1,8,64")
        if match["name"] in found:
            raise UsageError(f"--bucket names {match['name']!r} twice")
        found[match["name"]] = tuple(sorted({int(size[:18]) for size in match["sizes"].split(",")}))
    return found
