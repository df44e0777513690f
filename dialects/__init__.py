"""infc's own dialects, defined in Python over IRDL.

`load(context)` registers them in a context; a second call on one context does nothing.
"""

from torch_mlir import ir

from .infer import Infer
from .mem import Mem
from .rpc import Rpc

__all__ = ["DIALECTS", "Infer", "Mem", "Rpc", "load"]

DIALECTS = (Infer, Mem, Rpc)


def load(context: ir.Context) -> None:
    """Register every dialect of infc in `context`, once."""
    with context, ir.Location.unknown():
        for dialect in DIALECTS:
            if not context.is_dialect_loaded(dialect.DIALECT_NAMESPACE):
                dialect.load()
