"""Who was called when, as a file that `infc memory simulate --trace` plays again."""

import csv
import logging
import time
from pathlib import Path

from infc.errors import UsageError

_log = logging.getLogger(__name__)


class RequestLog:
    """A CSV file with a line `at,model,size` for each call: seconds since the start, the model, bytes of its weights.

    Args:
        path: the file; one that is there is replaced.

    Raises:
        UsageError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = time.monotonic()
        try:
            self._file = path.open("w", newline="", encoding="utf-8", buffering=1)
        except OSError as error:
            raise UsageError(
                f"cannot write the request log {path}: {error.strerror}", hint="name a file in a folder that is there"
            ) from error
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._write(("at", "model", "size"))

    def called(self, model: str, size: int) -> None:
        """Adds a call. A disk that is full ends the log, not the pool."""
        self._write((f"{time.monotonic() - self._start:.6f}", model, size))

    def close(self) -> None:
        """Ends the log."""
        try:
            self._file.close()
        except OSError as error:
            _log.error("the request log %s is incomplete: %s", self._path, error.strerror)

    def _write(self, row: tuple[object, ...]) -> None:
        if self._file.closed:
            return
        try:
            self._rows.writerow(row)
        except OSError as error:
            _log.error("the request log %s ends here: %s", self._path, error.strerror)
            self.close()
