"""`infc.load`: `torch.load` that also understands pointer files."""

from typing import TYPE_CHECKING, Any

from infc.errors import RemoteError

from .model import connect
from .patching import real_load
from .pointer import Pointer, Source, is_pointer, read_pointer

if TYPE_CHECKING:
    from .torch_module import RemoteModule


def load(
    f: Source,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Load what `torch.load` loads, or connect to the model that a pointer file names.

    The signature is `torch.load`'s. A pointer is text that no unpickler ever sees, so that the other arguments do not
    matter to it, and `weights_only=True` is fine. Anything else goes to the real `torch.load` with every argument as
    it was given.

    Args:
        f: path or binary file object.

    Returns:
        A `RemoteModule` for a pointer, else what `torch.load` returns.

    Raises:
        ArtifactError: a pointer that is broken or of another version.
        PoolUnavailable, ModelNotFound, RemoteError: its pool or its model is not there.
    """
    if is_pointer(f):
        return load_pointer(f)
    return real_load()(f, map_location, pickle_module, weights_only=weights_only, mmap=mmap, **pickle_load_args)


def load_pointer(
    source: Source | Pointer, *, pool: str | None = None, token: str | None = None, timeout: float | None = None
) -> "RemoteModule":
    """Connect to the model that a pointer names and return it as a torch module; arguments as for `connect`.

    Raises:
        ArtifactError, RemoteError: as `connect`; `RemoteError` also when torch is not installed.
    """
    pointer = source if isinstance(source, Pointer) else read_pointer(source)
    try:
        from .torch_module import RemoteModule
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise RemoteError(
            f"model {pointer.model!r} as a torch module needs torch, which is not installed",
            hint="infc.connect(path) gives a model that takes and returns numpy arrays",
        ) from error
    return RemoteModule(connect(pointer, pool=pool, token=token, timeout=timeout), pointer)
