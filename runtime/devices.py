"""IREE's devices of this process, each opened once, and how values get onto them and off them."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import iree.runtime
import numpy as np

from infc.errors import InfcError

from .forms import Form
from .targets import CPU_DEVICE, STATUS_ERRORS
from .transfer import download

rt: Any = iree.runtime  # its stubs are incomplete

_ON_HOST = (CPU_DEVICE, "local-sync")  # their memory is the process's

_MEMORY = int(rt.MemoryType.DEVICE_LOCAL)
_USAGE = int(rt.BufferUsage.DEFAULT)


@cache
def instance() -> Any:
    """IREE's virtual machine."""
    return rt.VmInstance()


@dataclass(frozen=True)
class Device:
    """A device of this process. `on_host`: its memory is the process's, so that a value on it is one on the host."""

    uri: str
    handle: Any
    on_host: bool

    @staticmethod
    def open(kind: str, uri: str | None, where: str) -> "Device":
        """The device `uri`, the default one of its kind when there is none.

        Args:
            kind: IREE's name of the driver that the code is for.
            uri: code for the CPU runs on `local-task` (threads) or `local-sync` (the calling thread); one of several
                GPUs is named like `vulkan://1`.
            where: what runs on it, for the messages.

        Raises:
            InfcError: there is no such device, or it is of another kind.
        """
        on_host = kind == CPU_DEVICE
        known = _ON_HOST if on_host else (kind,)
        uri = uri or kind
        if uri.partition("://")[0] not in known:
            raise InfcError(f"{where} does not run on device {uri!r}", hint=f"its devices are {' and '.join(known)}")
        return Device(uri, _opened(uri), on_host)

    def upload(self, array: np.ndarray, element: Any) -> Any:
        """A buffer view with the array's elements, its own. Raises what IREE raises."""
        return self.handle.allocator.allocate_buffer_copy(_MEMORY, _USAGE, self.handle, array, element)

    def read(self, view: Any, shape: list[int], raw: np.dtype) -> np.ndarray:
        """The view's elements; on the host they lie in the view's own memory, which lives as long as the array."""
        if self.on_host:
            return view.map().asarray(shape, raw)
        return download(self.handle, view).view(raw).reshape(shape)

    def hand(self, view: Any, form: Form, target: "Device") -> Any:
        """The value of `view`, which is on this device, as `target` takes it: as it is where both are in the process's
        memory, otherwise copied. Raises what IREE raises."""
        if target == self or (self.on_host and target.on_host):
            return view
        return self.copy(view, form, target)

    def copy(self, view: Any, form: Form, target: "Device") -> Any:
        """A buffer view of its own on `target`."""
        return target.upload(self.read(view, list(view.shape), form.raw), form.element)


@cache
def _opened(uri: str) -> Any:
    """A device is threads and arenas: made once a process, shared by its sessions."""
    try:
        return rt.get_device(uri)
    except STATUS_ERRORS as error:
        known = ", ".join(sorted(rt.query_available_drivers()))
        raise InfcError(f"no device {uri!r} on this machine", hint=f"IREE has drivers for {known}") from error
