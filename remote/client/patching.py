"""`infc.patch`: make `torch.load` itself understand pointer files, for as long as somebody wants it."""

import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from .pointer import is_pointer

_lock = threading.RLock()
_wanted = 0  # patches that were not undone
_original: Callable[..., Any] | None = None  # torch's own load, once it was replaced
_replacement: Callable[..., Any] | None = None


class Patch:
    """One wish that `torch.load` be patched; `undo()`, or the end of a `with` block, takes it back.

    `torch.load` is torch's again once every wish was taken back.
    """

    def __init__(self) -> None:
        self._active = True

    def undo(self) -> None:
        """Take the wish back; a second time does nothing."""
        with _lock:
            if self._active:
                self._active = False
                _release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()


def patch() -> Patch:
    """Make `torch.load` return a `RemoteModule` for a pointer file; for anything else it stays what it is.

    Works at once; the result may be ignored, kept for its `undo()`, or used in a `with` statement. Patches nest, and
    patching twice is the same as once. Names that a module took with `from torch import load` before are not reached.
    """
    global _wanted
    import torch

    with _lock:
        if _wanted == 0:
            _install(torch)
        _wanted += 1
        return Patch()


def real_load() -> Callable[..., Any]:
    """torch's own `torch.load`, patched or not."""
    import torch

    with _lock:
        return _original if _original is not None and torch.load is _replacement else torch.load


def _install(torch: Any) -> None:
    global _original, _replacement
    original: Callable[..., Any] = torch.load

    @functools.wraps(original)
    def load(*args: Any, **kwargs: Any) -> Any:
        source = args[0] if args else kwargs.get("f")
        if _wanted and is_pointer(source):
            from .loading import load_pointer

            return load_pointer(source)  # pyright: ignore[reportArgumentType]
        return original(*args, **kwargs)

    _original, _replacement = original, load
    torch.load = torch.serialization.load = load


def _release() -> None:
    global _wanted, _original, _replacement
    import torch

    _wanted -= 1
    # Where somebody wrapped our wrapper meanwhile, it stays in place and passes everything through.
    if _wanted == 0 and torch.load is _replacement and _original is not None:
        torch.load = torch.serialization.load = _original
        _original = _replacement = None
