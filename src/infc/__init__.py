"""infc: compile PyTorch models, serve them from shared accelerators, and keep `torch.load` in the application.

The client's names are looked up on first use, so that `import infc` costs no import of torch, gRPC or IREE.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infc.errors import InfcError
    from infc.remote.client import connect, load, patch

__version__ = "0.1.0"
__all__ = ["InfcError", "__version__", "connect", "load", "patch"]

_HOMES = {
    "InfcError": "infc.errors",
    "connect": "infc.remote.client",
    "load": "infc.remote.client",
    "patch": "infc.remote.client",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'infc' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
