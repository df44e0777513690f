"""infc's own dialects, defined in Python over IRDL.

`load(context)` registers them in a context; a second call on one context does nothing.
"""

from torch_mlir import ir

from .infer import Infer

__all__ = ["Infer", "load"]

_DIALECTS = (Infer,)


def load(context: ir.Context) -> None:
    """Register every dialect of infc in `context`, once."""
    with context, ir.Location.unknown():
        for dialect in _DIALECTS:
            if not context.is_dialect_loaded(dialect.DIALECT_NAMESPACE):
                dialect.load()
