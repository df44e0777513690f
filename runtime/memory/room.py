"""How many mappings this process may still make for weights."""

from pathlib import Path
from threading import RLock

from infc.errors import ArtifactError

# The kernel bounds how many mappings a process has, and what comes beyond it fails wherever it may be: in an allocator,
# in a thread's start. So the last of them are left to those who cannot say what is wrong.
LIMIT = Path("/proc/sys/vm/max_map_count")
_LEFT = 16  # one of so many is not for weights
_placed = 0
_sure = 0  # up to so many of ours nobody has to count
_counting = RLock()


def room_for(parts: int, where: str) -> None:
    """Looks whether this process may have so many mappings more, before any of them is made.

    Raises:
        ArtifactError: it may not. Says how many it has, and what the limit is.
    """
    global _sure
    if _placed + parts < _sure:
        return
    limit = int(LIMIT.read_text())
    if _placed + parts < limit // _LEFT:
        _sure = limit // _LEFT
        return
    with Path("/proc/self/maps").open("rb") as maps:
        have = sum(1 for _ in maps)
    room = limit - limit // _LEFT - have
    if parts > room:
        raise ArtifactError(
            f"{where}: its weights are {parts} mappings; this process has {have}, and the system's limit is {limit}",
            hint="raise it (`sysctl vm.max_map_count`), serve fewer models, or `--backend arena`, which needs few",
        )
    # Counting takes microseconds for each mapping that there is: not again before an eighth of the room is taken by us.
    _sure = _placed + room // 8


def counted(parts: int) -> None:
    """So many mappings of weights were made; fewer than none where they were given back."""
    global _placed
    # Reentrant, because giving back may come in the middle of it; what is then lost counts too much, not too little.
    with _counting:
        _placed += parts
