"""The process while the user's code runs in it: a factory, a module's forward, and what torch says about them."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NoReturn


@contextmanager
def user_code() -> Generator[None]:
    """Keep standard output for infc's own data, and end on a signal as on Ctrl-C.

    What is printed meanwhile, by Python, C or a child, goes to standard error. A command line may do this; a library
    may not.
    """
    with _stdout_to_stderr(), _tidy_end():
        yield


@contextmanager
def quiet_torch() -> Generator[None]:
    """Keep torch's tracebacks to itself: a model that does not export is an error of infc's, which says it in one line.

    Torch sets the level too, when it is imported: it must be by now.
    """
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _stdout_to_stderr() -> Generator[None]:
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def _tidy_end() -> Generator[None]:
    """A signal unwinds the stack, so that what is half written is removed and iree-compile ends too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt
