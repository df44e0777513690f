"""What the compiler's middle is asked for: a named pipeline, and the types in which the weights are stored."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from infc.errors import UsageError

from ..passes.named import NAMES
from ..passes.weights.cast_weights import CastWeights
from ..passes.weights.quantize_weights import SMALLEST_GROUP, QuantizeWeights
from ..runtime.artifact import Middle

# The largest error that a narrow storage may cost, relative to the output's largest value, unless the user says
# otherwise. Rounding by itself gives errors of this order: more means that the model does not stand it.
TOLERANCES = {"f16": 0.01, "bf16": 0.05, "8": 0.1, "4": 0.25}

_GROUP_OF_FOUR = 64  # by default: fewer levels want more scales
_GROUP = re.compile(r"group=(\d{1,6})")
_SIZE = {"quantize": "8", "cast": "bf16"}  # what the pipeline `size` means


def parse_middle(pipeline: str, quantize: str | None, cast: str | None, tolerance: float | None) -> Middle:
    """What `--pipeline`, `--quantize`, `--cast-weights` and `--tolerance` say.

    Raises:
        UsageError: there is no such pipeline, a text cannot be read, or a tolerance is given where nothing is rounded.
    """
    if pipeline not in NAMES:
        near = get_close_matches(pipeline, NAMES, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"--pipeline: there is no pipeline {pipeline!r}", hint=f"{guess}pipelines: {', '.join(NAMES)}")
    defaults = _SIZE if pipeline == "size" else {"quantize": "", "cast": ""}
    quantized = defaults["quantize"] if quantize is None else _quantization(quantize)
    narrow = defaults["cast"] if cast is None else cast
    kinds = [kind for kind in (quantized.partition(",")[0], narrow) if kind]
    if tolerance is not None and not kinds:
        raise UsageError(
            "--tolerance: the weights are stored as they are, and errors are bounded by each output's dtype",
            hint="with --quantize or --cast-weights it is the largest error that they may cost",
        )
    allowed = max((TOLERANCES[kind] for kind in kinds), default=None)
    return Middle(
        pipeline=pipeline, quantize=quantized, cast=narrow, tolerance=allowed if tolerance is None else tolerance
    )


def storage_passes(middle: Middle) -> str:
    """The passes that do it, as the text of a pipeline behind the packing."""
    passes = [NAMES[middle.pipeline]] if middle.pipeline != "size" else []
    if middle.quantize:
        bits, *rest = middle.quantize.split(",")
        group = next((int(each.removeprefix("group=")) for each in rest if each.startswith("group=")), 0)
        scheme = "asym" if "asymmetric" in rest else "sym"
        passes.append(str(QuantizeWeights(bits=int(bits), group=group, scheme=scheme)))
    if middle.cast:
        passes.append(str(CastWeights(dtype=middle.cast)))
    return ",".join(each for each in passes if each)


def _quantization(text: str) -> str:
    """`8`, `4,group=64`, `8,asymmetric`, with what is left out put in. Raises UsageError for anything else."""
    bits, *rest = text.replace(" ", "").split(",")
    groups = [match[1] for each in rest if (match := _GROUP.fullmatch(each))]
    others = [each for each in rest if not _GROUP.fullmatch(each)]
    if bits not in ("8", "4") or len(groups) > 1 or others not in ([], ["asymmetric"]):
        raise UsageError(
            f"--quantize: {text!r} is no quantization, expected 8 or 4, then group=N or asymmetric or both",
            hint="--quantize 8, or --quantize 4,group=64,asymmetric",
        )
    group = int(groups[0]) if groups else _GROUP_OF_FOUR if bits == "4" else 0
    if 0 < group < SMALLEST_GROUP:
        raise UsageError(
            f"--quantize: groups of {group} are too small, expected {SMALLEST_GROUP} or more, or 0 for whole rows",
            hint=f"--quantize {bits},group=64",
        )
    return ",".join(_parts(bits, group, others))


def _parts(bits: str, group: int, others: Sequence[str]) -> list[str]:
    return [bits, *([f"group={group}"] if group else []), *others]
