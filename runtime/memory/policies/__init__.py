"""What leaves a tier that is full. Pure: no I/O, no clock, no randomness."""

from .balanced import Balanced
from .belady import TraceBelady
from .gdsf import GDSF
from .lfu import LFU
from .lru import LRU
from .pin_prefix import PinPrefix
from .protocol import Foresight, Policy
from .registry import DEFAULT, GROUP, make_policy, policy_names

__all__ = [
    "DEFAULT",
    "GDSF",
    "GROUP",
    "LFU",
    "LRU",
    "Balanced",
    "Foresight",
    "PinPrefix",
    "Policy",
    "TraceBelady",
    "make_policy",
    "policy_names",
]
