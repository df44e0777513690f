"""Starting an executor's process: what it is given, and what it is not."""

import os
import socket
import subprocess
import sys

# What Python and the drivers of devices need; a token of the controller's is nothing for a model's native code.
_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "VK_DRIVER_FILES",
)


def _environment() -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("PYTHON")}
    return passed | {"OPENBLAS_NUM_THREADS": "1"}


def spawn(*, with_arena: bool) -> tuple[subprocess.Popen[bytes], socket.socket, socket.socket | None]:
    """A process, the socket that it is spoken to through, and one over which it is handed the arena's descriptors."""
    ours, theirs = socket.socketpair()
    giver, taker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, taker:
        handover = [taker.fileno()] if with_arena else []
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",  # nothing in the working directory is imported
                "-m",
                f"{__package__}.executor",
                str(theirs.fileno()),
                str(os.getpid()),
                *map(str, handover),
            ],
            pass_fds=[theirs.fileno(), *handover],
            stdin=subprocess.DEVNULL,
            stdout=2,  # stdout belongs to the controller's one line
            env=_environment(),
            process_group=0,  # Ctrl-C is for the controller, which drains first
        )
    if with_arena:
        return process, ours, giver
    giver.close()
    return process, ours, None
