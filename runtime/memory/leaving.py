"""Memory that native code may still look at when its user has closed it: the last to let go is no thread of IREE's.

IREE gives a Python buffer back on whichever thread drops the last reference, which may be one of its own that cleans up
behind a call, and without the interpreter's lock. Were that the end of the buffer, what runs then would be Python, on a
thread that may run none: `Fatal Python error: PyThreadState_Get`, once in thousands of sessions.
"""

import ctypes
from threading import Lock

_leaving: dict[int, memoryview] = {}  # by their addresses
_sweeping = Lock()


def leave(lent: list[memoryview]) -> None:
    """Takes over views that native code was given, which nobody else may hold any more; `lent` is empty afterwards.

    They go as soon as native code is done with them: nearly always at once, otherwise at one of the next calls.
    """
    while lent:
        view = lent.pop()
        _leaving[id(view)] = view
        del view  # or it would be counted
    sweep()


def sweep() -> None:
    """Lets go of what native code has given back meanwhile."""
    if not _leaving:
        return
    with _sweeping:
        gone = [_leaving.pop(address) for address in tuple(_leaving) if _references(address) == 1]
    del gone  # here, where Python may run


def _references(address: int) -> int:
    # Read, and not by `sys.getrefcount`, which counts itself: another thread may be changing it, without the lock.
    return ctypes.c_uint32.from_address(address).value
