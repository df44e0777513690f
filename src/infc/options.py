"""Types of command-line options that several commands have."""

import math
from typing import Any

import click


class Seconds(click.FloatRange):
    """A finite number of seconds. `0` is one unless `positive`; `nan` and `inf`, which float() takes, are none."""

    name = "seconds"

    def __init__(self, *, positive: bool = False) -> None:
        super().__init__(0, min_open=positive)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds; 30 or 0.5 would be", param, ctx)
        return seconds
