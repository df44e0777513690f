"""What the compiler's middle is asked for: a named pipeline with further passes, and the weights' storage types."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from infc.errors import UsageError

from ..passes import registry
from ..passes.named import FOR_IREE, JOIN, NAMES
from ..passes.pipeline import stage_of
from ..passes.running.steps import split
from ..passes.weights.cast_weights import CastWeights
from ..passes.weights.quantize_weights import SMALLEST_GROUP, QuantizeWeights
from ..runtime.artifact import Middle, Plugin

# The largest error that a narrow storage may cost, relative to the output's largest value, unless the user says
# otherwise. Rounding by itself gives errors of this order: more means that the model does not stand it.
TOLERANCES = {"f16": 0.01, "bf16": 0.05, "8": 0.1, "4": 0.25}

_GROUP_OF_FOUR = 64  # by default: fewer levels want more scales
_GROUP = re.compile(r"group=(\d{1,6})")
_SIZE = {"quantize": "8", "cast": "bf16"}  # what the pipeline `size` means


def parse_middle(
    pipeline: str, quantize: str | None = None, cast: str | None = None, tolerance: float | None = None
) -> Middle:
    """What `--pipeline`, `--quantize`, `--cast-weights` and `--tolerance` say.

    Raises:
        UsageError: there is no such pipeline or pass, a pass is not for users to add, a text cannot be read, or a
            tolerance is given where nothing is rounded.
        CompileError: two installed packages bring a pass of one name.
    """
    pipeline, passes = _named(pipeline)
    defaults = _SIZE if pipeline == "size" else {"quantize": "", "cast": ""}
    quantized = defaults["quantize"] if quantize is None else _quantization(quantize)
    narrow = defaults["cast"] if cast is None else cast
    kinds = [kind for kind in (quantized.partition(",")[0], narrow) if kind]
    if tolerance is not None and not kinds and not passes:
        raise UsageError(
            "--tolerance: the weights are stored as they are, and errors are bounded by each output's dtype",
            hint="with --quantize or --cast-weights it is the largest error that they may cost",
        )
    allowed = max((TOLERANCES[kind] for kind in kinds), default=None)
    made_by = dict.fromkeys(origin for each in passes if (origin := registry.origin_of(stage_of(each))))
    return Middle(
        pipeline=pipeline,
        quantize=quantized,
        cast=narrow,
        tolerance=allowed if tolerance is None else tolerance,
        passes=passes,
        plugins=tuple(Plugin(package=one.package, version=one.version, digest=one.digest) for one in made_by),
    )


def _named(text: str) -> tuple[str, tuple[str, ...]]:
    """`NAME,PASS{options},…`: the pipeline and the further passes, each of which may be added."""
    try:
        name, *passes = list(split(text)) or [""]
    except ValueError as error:
        raise UsageError(f"--pipeline: {text!r} cannot be read: {error}", hint=_EXAMPLE) from None
    if name not in NAMES:
        near = get_close_matches(name, NAMES, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        guess = f"put a pipeline before the pass: default,{name}; " if registry.is_ours(stage_of(name)) else guess
        raise UsageError(f"--pipeline: there is no pipeline {name!r}", hint=f"{guess}pipelines: {', '.join(NAMES)}")
    for each in passes:
        if not each:
            raise UsageError(f"--pipeline: {text!r} has nothing between two commas", hint=_EXAMPLE)
        _check(each)
    return name, tuple(passes)


def _check(element: str) -> None:
    name = stage_of(element)
    if not registry.is_own(name):
        return  # a plugin's or MLIR's: whether there is one, and takes the options, a process of its own finds out
    if not registry.is_about_values(name) or name in FOR_IREE.split(","):
        raise UsageError(
            f"--pipeline: {name} is not for adding: infc runs it where it belongs",
            hint="passes of packages, of MLIR, and of infc's those over weights may be added; stages are --stages, "
            "--stage-memory or --split",
        )


_EXAMPLE = "like --pipeline 'default,acme-pass{level=2}'"


def storage_passes(middle: Middle) -> str:
    """The passes that do it, as the text of a pipeline behind the packing."""
    passes = [NAMES[middle.pipeline]] if middle.pipeline != "size" else []
    if middle.quantize or middle.cast:  # what a weight lost is looked at weight by weight
        passes = [each.removeprefix(f"{JOIN},") for each in passes]
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
