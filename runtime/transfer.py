"""Reading back what a device has computed, where its memory is not the host's."""

from typing import Any

import iree.runtime
import numpy as np

rt: Any = iree.runtime  # its stubs are incomplete

_MEMORY = int(rt.MemoryType.HOST_LOCAL | rt.MemoryType.DEVICE_VISIBLE)
_USAGE = int(rt.BufferUsage.TRANSFER | rt.BufferUsage.MAPPING)


def download(device: Any, view: Any) -> np.ndarray:
    """The bytes of a buffer view, u8[byte_length], copied through the device's queue.

    Not `DeviceArray.to_host`: it imports the host's memory into the device, which wants an alignment that numpy's
    arrays do not have everywhere.
    """
    length = view.byte_length
    if not length:
        return np.empty(0, np.uint8)
    staging = device.allocator.allocate_buffer(_MEMORY, _USAGE, length)
    done = device.create_semaphore(0)
    device.queue_copy(view.get_buffer(), staging, [], [(done, 1)])
    done.wait(1)
    return np.array(np.asarray(staging.map()).view(np.uint8)[:length])
