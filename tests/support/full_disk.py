"""A file system of a few pages, mounted where only one command sees it."""

import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

_SCRIPT = """
mount -t tmpfs -o size="$1" tmpfs "$2" || exit 99
folder=$2 left=$3; shift 3
"$@"; code=$?
ls -A "$folder" > "$left"
exit $code
"""


@cache
def _can_mount() -> bool:
    done = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    return done.returncode == 0


def run_on_small_disk(
    folder: Path, size: str, command: Sequence[str], left: Path, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run `command` while `folder` is a file system of `size` (`16k`); what is in it afterwards is listed in `left`."""
    if not _can_mount():
        pytest.skip("mounting a small file system needs a mount namespace (unshare -rm), which this host refuses")
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", _SCRIPT, "sh", size, str(folder), str(left), *command],
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )
