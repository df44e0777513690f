"""How much memory this process may use: the machine's, or less where a container or a service has a limit."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_LIMITS = {"": "memory.max", "memory": "memory/memory.limit_in_bytes"}  # of version 2, and of version 1's controller


def available_memory(groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes: the machine's memory, or the smallest limit of this process's control groups and of those around them.

    Args:
        groups: the file that names them, `0::/path` in version 2, `5:memory:/path` in version 1.
        root: where they are mounted.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(groups, root)])


def _limits(groups: Path, root: Path) -> Iterator[int]:
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        controller = next((each for each in controllers.split(",") if each in _LIMITS), None)
        if controller is None:
            continue
        base, _, name = _LIMITS[controller].rpartition("/")
        own = PurePosixPath("/") / path.lstrip("/")
        # In a container the path may be the host's, of which only the root is mounted: all that is there counts.
        for each in (own, *own.parents):
            text = _read(root / base / str(each).lstrip("/") / name)
            if text.isdigit() and int(text) > 0:
                yield int(text)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
