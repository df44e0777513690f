"""An artifact of the cache on its way to the output, before it is known that it is the one."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infc.errors import ArtifactError

from ...runtime.artifact import Artifact, Config, TarCopy


class Guess:
    """Checks every byte of the artifact at `path`, and copies it beside `out`, both at once and in threads.

    `out` itself is not touched before `publish`. `key` is what the artifact is kept under.
    """

    def __init__(self, key: str, path: Path, out: Path) -> None:
        self.key = key
        self._copy = TarCopy(path, out)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="infc-guess")
        self._checked = self._threads.submit(_checked, path)
        self._copied = self._threads.submit(self._copy.run)

    def publish(self) -> tuple[str, Config] | None:
        """Let `out` be the copy: digest and config of the artifact. None where the artifact was damaged.

        Raises:
            ArtifactError: `out` cannot be written.
        """
        found = self._checked.result()
        if found is None:
            return None
        # What is wrong from here on is the disk under `out`: every byte was read.
        self._copied.result()
        self._copy.publish()
        return found

    def discard(self) -> None:
        """Remove the copy if it was not published. What is still being read is not waited for."""
        self._copy.stop()
        with contextlib.suppress(ArtifactError):
            self._copied.result()
        self._copy.discard()
        self._threads.shutdown(wait=False)


def _checked(path: Path) -> tuple[str, Config] | None:
    try:
        with Artifact.open(path, check=True) as artifact:
            return artifact.digest, artifact.config
    except ArtifactError:
        return None
