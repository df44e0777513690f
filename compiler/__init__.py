"""The compiler: from a PyTorch model to a verified artifact.

`compile_model` is the whole way; it is looked up on first use, because it imports torch and torch-mlir.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .driver import CompileOptions, CompileResult, compile_model

__all__ = ["CompileOptions", "CompileResult", "compile_model"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import driver

    return getattr(driver, name)
