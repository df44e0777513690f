"""The command-line options that say more about SRC than its name does."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .doors import Request

_OPTIONS = (
    click.option("--task", default="", help="For a Hugging Face folder: which head; by default its own."),
    click.option("--factory", default="", help="For a checkpoint: file.py:factory, which builds its module."),
    click.option(
        "--input", "inputs", multiple=True, metavar="NAME=SHAPE",
        help="For a Hugging Face folder or x.onnx: an input's shape, such as input_ids=1x64xi64; repeatable.",
    ),
)  # fmt: skip


def source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options; it takes their values as keyword arguments that `request_of` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def request_of(described: Mapping[str, Any]) -> "Request":
    """The options' values as the front doors take them. Raises UsageError when an input cannot be parsed."""
    from .doors import Request, parse_inputs

    return Request(task=described["task"], factory=described["factory"], inputs=parse_inputs(described["inputs"]))
