"""The command-line options that say more about SRC than its name does."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from infc.errors import UsageError

if TYPE_CHECKING:
    from ..runtime.artifact import Middle
    from .cutting_options import Cutting
    from .doors import Request
    from .dynamic import Dynamic
    from .toolchain.children import Limits

_OPTIONS = (
    click.option("--task", default="", help="For a Hugging Face folder: which head; by default its own."),
    click.option("--factory", default="", help="For a checkpoint: file.py:factory, which builds its module."),
    click.option(
        "--method", "methods", multiple=True, metavar="NAME[=FILE]",
        help="An entry point: a method of a factory's module, or what a .pt2 or .onnx is called; repeatable. FILE is "
        "another .pt2 or .onnx for this one.",
    ),
    click.option(
        "--input", "inputs", multiple=True, metavar="NAME=SHAPE",
        help="An example input's shape and dtype, such as input_ids=1x64xi64; not for .pt2; repeatable.",
    ),
)  # fmt: skip

_DYNAMIC = (
    click.option(
        "--dynamic", multiple=True, metavar="INPUT:AXIS=NAME[LOW..HIGH],…",
        help="Dims that vary, such as ids:0=batch[1..64],1=seq[1..512]; others share one by its name, mask:0=batch. "
        "Repeatable.",
    ),
    click.option(
        "--bucket", "buckets", multiple=True, metavar="NAME=SIZES",
        help="Sizes of a dim that get modules of their own, such as batch=1,8,64; a few by default. Repeatable.",
    ),
)  # fmt: skip

_CUTTING = (
    click.option("--stages", type=click.IntRange(1), metavar="K", help="Cut it into K stages, as equal as can be."),
    click.option(
        "--stage-memory", metavar="SIZE",
        help="Cut it so that each stage fits into this much memory, such as 2GiB; or one size for each, with commas; "
        "or by placements, such as vulkan=1GiB,cpu=4GiB.",
    ),
    click.option(
        "--stage-link", metavar="SIZE",
        help="The bytes a second that a stage gets from others, such as 1GB, which tells what a cut may carry; or one "
        "for each.",
    ),
    click.option(
        "--split", metavar="MODULE:PLACEMENT;…;*:PLACEMENT",
        help="Cut it by the names of modules, such as 'encoder.layer.0-5:gpu0;*:cpu0'. A placement that is a target, "
        "with a number or without, is compiled for that; others for each --target.",
    ),
)  # fmt: skip

_MIDDLE = (
    click.option(
        "--pipeline", default="default", show_default=True, metavar="NAME[,PASS{OPTIONS}…]",
        help="What the passes aim at: default, size (8 bits, tables in bf16) or latency; then passes that run too, of "
        "packages or of MLIR, such as 'default,acme-pass{level=2}'.",
    ),
    click.option(
        "--quantize", metavar="BITS[,group=N][,asymmetric]",
        help="Store the matrices of products as integers of 8 or 4 bits; one scale a row, or one for N elements of it "
        "(64 by default for 4 bits).",
    ),
    click.option(
        "--cast-weights", type=click.Choice(["bf16", "f16"]),
        help="Store other matrices and tables in two bytes an element; it is computed in f32 as before.",
    ),
    click.option(
        "--tolerance", type=click.FloatRange(0, 1, min_open=True), metavar="ERROR",
        help="The largest error that these may cost, relative to an output's largest value; by default 0.25 for "
        "4 bits, 0.1 for 8, 0.05 for bf16, 0.01 for f16.",
    ),
)  # fmt: skip

_LIMITS = (
    click.option("-j", "--jobs", type=click.IntRange(1), help="Tools that run at a time; as many as cores by default."),
    click.option(
        "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
        help="The longest that one tool may run; 900 by default.",
    ),
    click.option(
        "--memory-limit", metavar="SIZE",
        help="The most memory that one tool may take, such as 8GiB; half of the machine's or container's by default.",
    ),
)  # fmt: skip


def source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options; it takes their values as keyword arguments that `request_of` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options that bound its tools; `limits_of` reads their values."""
    for option in reversed(_LIMITS):
        command = option(command)
    return command


def middle_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options about passes and storage; `middle_of` reads their values."""
    for option in reversed(_MIDDLE):
        command = option(command)
    return command


def dynamic_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options about dims that vary; `dynamic_of` reads their values."""
    for option in reversed(_DYNAMIC):
        command = option(command)
    return command


def cutting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options about stages; `cutting_of` reads their values."""
    for option in reversed(_CUTTING):
        command = option(command)
    return command


def cutting_of(described: Mapping[str, Any]) -> "Cutting":
    """The options' values as the compiler takes them. Raises UsageError when they contradict each other."""
    from .cutting_options import Cutting

    cutting = Cutting(
        stages=described["stages"] or 0,
        memory=described["stage_memory"] or "",
        split=described["split"] or "",
        link=described["stage_link"] or "",
    )
    cutting.check()
    return cutting


def middle_of(described: Mapping[str, Any]) -> "Middle":
    """The options' values as the compiler takes them. Raises UsageError as `parse_middle`."""
    from ..runtime.artifact import Middle

    said = (described["pipeline"], described["quantize"], described["cast_weights"], described["tolerance"])
    if said == ("default", None, None, None):
        return Middle()
    from .middle import parse_middle  # with torch-mlir, which takes its time to import

    return parse_middle(*said)


def dynamic_of(described: Mapping[str, Any]) -> "Dynamic":
    """The options' values as the compiler takes them. Raises UsageError when one cannot be parsed."""
    from .dynamic import parse_dynamic

    return parse_dynamic(described["dynamic"], described["buckets"])


def limits_of(described: Mapping[str, Any]) -> "Limits":
    """The options' values as the tools take them. Raises UsageError when a size cannot be parsed, or is too small."""
    from ..runtime.memory.tier import parse_size
    from .toolchain.children import Limits

    given = {"jobs": described["jobs"], "seconds": described["timeout"], "memory": described["memory_limit"]}
    if given["memory"] is not None:
        try:
            given["memory"] = parse_size(given["memory"])
        except UsageError as error:
            raise UsageError(f"--memory-limit: {error.message}", hint="--memory-limit 8GiB") from None
    return Limits(**{name: value for name, value in given.items() if value is not None})


def request_of(described: Mapping[str, Any]) -> "Request":
    """The options' values as the front doors take them. Raises UsageError when an input cannot be parsed."""
    from .doors import Request, parse_inputs

    methods: tuple[str, ...] = ()
    files: dict[str, str] = {}
    if described["methods"]:
        from .doors.methods import parse_methods  # with torch, which takes a second to import

        methods, files = parse_methods(described["methods"])
    return Request(
        described["task"], described["factory"], methods, inputs=parse_inputs(described["inputs"]), files=files
    )
