"""An executor: the process that holds compiled modules, which are native code, and runs them.

Started by the controller as `python -m infc.remote.pool.executor FD`, where FD is its end of a socket pair. It answers
one message at a time, but for calls of models in stages, which are under way together (`running.py`), and ends when the
controller closes its end or is gone.
"""

import ctypes
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from infc.errors import ArtifactError, InfcError

from ...runtime.artifact.parts import pool_side
from ...runtime.session import Session
from ...runtime.sharing import SharedStages
from ...runtime.store.opening import open_model
from .channel import BlockingChannel, ChannelClosed
from .handover import ArenaTaker
from .messages import Attach, Attached, Cancel, Failed, Infer, Release, Released, Request
from .running import Running, failure

_log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def serve(channel: BlockingChannel[Request], taker: ArenaTaker | None = None) -> None:
    """Answer messages until the controller is gone. With a `taker`, weights may come from an arena."""
    running = Running(channel)
    stages = SharedStages()  # the controller has hashed what it has attached
    try:
        while True:
            message = channel.receive()
            match message:
                case Attach():
                    running.send(_answer_attach(message, running.sessions, stages, taker), message.number)
                case Release():
                    running.send(_answer_release(message, running.sessions), message.number)
                case Infer():
                    running.begin(message)
                case Cancel():
                    running.cancel(message.number)
    except ChannelClosed:
        running.close()


def _answer_attach(
    message: Attach, sessions: dict[str, Session], stages: SharedStages, taker: ArenaTaker | None
) -> Attached | Failed:
    start = time.perf_counter()
    try:
        sessions[message.model] = _attach(message, stages, taker)
    except InfcError as error:
        return failure(error)
    except Exception:  # noqa: BLE001 (one model's defect is no reason to end those beside it)
        _log.exception("attaching %s failed", message.model)
        return Failed("ArtifactError", f"model {message.model!r} cannot be attached: its executor's log says why", "")
    return Attached(message.model, time.perf_counter() - start)


def _answer_release(message: Release, sessions: Mapping[str, Session]) -> Released | Failed:
    try:
        if message.model in sessions:
            sessions[message.model].release(frozenset(message.chunks))
    except InfcError as error:
        return failure(error)
    return Released()


def _attach(message: Attach, stages: SharedStages, taker: ArenaTaker | None) -> Session:
    # The controller has hashed this file. It is not hashed again, but another artifact in its place is noticed.
    mapping = taker.mapping(message.model, message.target, message.slots) if taker and message.slots else nullcontext()
    folder = Path(message.path) if message.stored else None
    with mapping as map_slab, open_model(Path(message.stored or message.path), folder) as artifact:
        if artifact.digest != message.digest:
            raise ArtifactError(
                f"{message.path} was replaced while the pool served it: its digest is {artifact.digest}, "
                f"expected {message.digest}",
                hint="restart the pool to serve the new artifact",
            )
        return Session.attach(
            pool_side(artifact), target=message.target, load=message.load, map_slab=map_slab, shared=stages
        )


def _confine(parent: int) -> None:
    """Tie this process's life to its parent's and give up ways to gain privileges."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for option, value in ((_PR_SET_PDEATHSIG, signal.SIGKILL), (_PR_SET_NO_NEW_PRIVS, 1)):
        if prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
    if os.getppid() != parent:
        sys.exit(0)  # it died before the first prctl
    # Signals to a whole process group or service are for the controller, which drains before it ends this process.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def main(arguments: list[str]) -> None:
    """Run an executor for a controller.

    Args:
        arguments: the inherited descriptor of its channel, the controller's process id and, where weights come from an
            arena, the inherited descriptor of the handover socket.
    """
    descriptor, parent, *handover = map(int, arguments)
    _confine(parent)
    os.set_inheritable(descriptor, False)
    channel: BlockingChannel[Request] = BlockingChannel(socket.socket(fileno=descriptor), Request)  # pyright: ignore[reportArgumentType]
    for each in handover:
        os.set_inheritable(each, False)
    serve(channel, ArenaTaker(*handover) if handover else None)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s executor[%(process)d] %(levelname)s %(message)s")
    main(sys.argv[1:])
