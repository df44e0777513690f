"""Many models on one disk: each chunk once, whichever models hold it. In the format of an OCI image layout."""

from .check import Checked, Problem, check
from .store import Added, Collected, Model, Store

__all__ = ["Added", "Checked", "Collected", "Model", "Problem", "Store", "check"]
