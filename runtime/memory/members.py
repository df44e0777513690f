"""Who maps slots of an arena, as its pager knows them."""

import errno
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ..artifact.format import CHUNK_SIZE
from . import kernel

_GONE = (errno.ESRCH, errno.EINVAL, errno.ENOENT, errno.EBADF)  # the range or its process is not there any more


@dataclass(frozen=True)
class Member:
    """A process that maps slots, in this order from this address on."""

    faults: int
    address: int
    slots: tuple[int, ...]

    def ranges(self, slot: int) -> list[int]:
        return self._addresses[slot]

    @cached_property
    def _addresses(self) -> dict[int, list[int]]:
        found: defaultdict[int, list[int]] = defaultdict(list)
        for place, slot in enumerate(self.slots):
            found[slot].append(self.address + place * CHUNK_SIZE)
        return dict(found)

    @property
    def length(self) -> int:
        return len(self.slots) * CHUNK_SIZE


def at(act: Callable[[int, int, int], None], member: Member, address: int, length: int) -> None:
    """Acts on a range of a process's memory. That the range or the process is gone is no error.

    Raises:
        OSError: the kernel refuses for another reason.
    """
    try:
        act(member.faults, address, length)
    except OSError as error:
        if error.errno in _GONE or (error.errno == errno.ENOMEM and not kernel.is_alive(member.faults, address)):
            return
        raise
