"""Planning a fleet: the policies of the pool, on recorded or made-up workloads of any size."""

from .engine import Simulation
from .hardware import Hardware
from .recorded import recorded
from .result import Result, TierResult
from .synthetic import KINDS, synthetic
from .workload import Workload

__all__ = [
    "KINDS",
    "Hardware",
    "Result",
    "Simulation",
    "TierResult",
    "Workload",
    "read_workload",
    "recorded",
    "synthetic",
]


def read_workload(text: str) -> Workload:
    """A made-up workload (`zipf:…`, `diurnal:…`, `bursts:…`) or a recorded one (`calls.csv`).

    Raises:
        InfcError: it is neither.
    """
    return synthetic(text) if text.partition(":")[0] in KINDS else recorded(text)
