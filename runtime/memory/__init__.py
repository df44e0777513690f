"""Weight memory: what backs the weights of the models that are attached, and what decides about it."""

from .access import Access, forward_pass
from .mapping import Mapping
from .residency import Change, Residency
from .tier import Tier

__all__ = ["Access", "Change", "Mapping", "Residency", "Tier", "forward_pass"]
