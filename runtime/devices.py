"""IREE's devices of this process, each opened once, and how values get onto them and off them."""

import os
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

_ALONE = "local-sync"  # computes on the thread that calls
_ON_HOST = (CPU_DEVICE, _ALONE)  # their memory is the process's

_MEMORY = int(rt.MemoryType.DEVICE_LOCAL)
_USAGE = int(rt.BufferUsage.DEFAULT)


LOST = "the threads of device 'local-task' belong to the process that this one was forked from"
NOT_LOST = "attach the model in this process, to 'local-sync', or start it instead of forking it"


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
            uri: code for the CPU runs on `local-task` (threads) or `local-sync` (the calling thread, and the default
                after a fork, which threads do not survive); one of several GPUs is named like `vulkan://1`.
            where: what runs on it, for the messages.

        Raises:
            InfcError: there is no such device, it is of another kind, or its threads are another process's.
        """
        on_host = kind == CPU_DEVICE
        known = _ON_HOST if on_host else (kind,)
        uri = uri or (_ALONE if on_host and CPU_DEVICE in _lost else kind)
        if uri.partition("://")[0] not in known:
            raise InfcError(f"{where} does not run on device {uri!r}", hint=f"its devices are {' and '.join(known)}")
        if _is_lost(uri):
            raise InfcError(f"{where}: {LOST}", hint=NOT_LOST)
        return Device(uri, _opened(uri), on_host)

    @property
    def lost(self) -> bool:
        """Whether this process was forked from the one whose threads compute here: nothing would ever come back."""
        return bool(_lost) and _is_lost(self.uri)

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
    _threaded.update({CPU_DEVICE} & {uri.partition("://")[0]})
    try:
        return rt.get_device(uri)
    except STATUS_ERRORS as error:
        known = ", ".join(sorted(rt.query_available_drivers()))
        raise InfcError(f"no device {uri!r} on this machine", hint=f"IREE has drivers for {known}") from error


def _is_lost(uri: str) -> bool:
    return uri.partition("://")[0] in _lost


# Kinds of devices whose threads this process has, and those whose threads it would have, had they survived its fork:
# IREE makes them once, and whoever computes there waits for ever.
_threaded: set[str] = set()
_lost: set[str] = set()
os.register_at_fork(after_in_child=lambda: _lost.update(_threaded))
