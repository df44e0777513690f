"""Where to cut a model: pure functions over a small graph, which know nothing of MLIR."""

from .graph import Device, Graph, Node, Value
from .search import DoesNotFit, Plan, best_plan, fewest_stages
from .split import UnknownModule, parse_split, split_by_name, unused_rules

__all__ = [
    "Device",
    "DoesNotFit",
    "Graph",
    "Node",
    "Plan",
    "UnknownModule",
    "Value",
    "best_plan",
    "fewest_stages",
    "parse_split",
    "split_by_name",
    "unused_rules",
]
