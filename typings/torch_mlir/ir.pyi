# torch-mlir ships this module without stubs: for the type checker all its names exist, with types unknown.
from typing import Any

def __getattr__(name: str) -> Any: ...
