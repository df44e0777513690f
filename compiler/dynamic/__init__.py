"""Models with dynamic dims: what was asked for, how they are exported, and which way to run them is kept."""

from .request import Axes, Dynamic, parse_dynamic

__all__ = ["Axes", "Dynamic", "parse_dynamic"]
