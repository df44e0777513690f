"""The client: what an application's container runs. Needs numpy, grpcio and protobuf; torch only for torch modules.

Names are looked up on first use, so that the autoload hook costs `import torch` nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .loading import load, load_pointer
    from .model import RemoteModel, connect
    from .patching import Patch, patch
    from .pointer import Pointer, is_pointer, read_pointer
    from .torch_module import RemoteModule

__all__ = [
    "Patch",
    "Pointer",
    "RemoteModel",
    "RemoteModule",
    "connect",
    "is_pointer",
    "load",
    "load_pointer",
    "patch",
    "read_pointer",
]

_HOMES = {
    "Patch": ".patching",
    "Pointer": ".pointer",
    "RemoteModel": ".model",
    "RemoteModule": ".torch_module",
    "connect": ".model",
    "is_pointer": ".pointer",
    "load": ".loading",
    "load_pointer": ".loading",
    "patch": ".patching",
    "read_pointer": ".pointer",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name], __name__), name)
