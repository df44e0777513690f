"""Bringing the chunks of one model into DRAM, and never a damaged one."""

import hashlib
from collections.abc import Callable, Sequence
from threading import Lock

from infc.errors import ArtifactError, InfcError

from ..artifact import Artifact
from ..artifact.layout import FETCH_AGAIN
from .backend import Backend, FileBacked

Mend = Callable[[str], None]


class Promotion:
    """The chunks of one model, of all its stages, in the order in which a forward pass touches them.

    Safe for threads.

    Args:
        artifact: stays open, and is closed with this.
        chunks: of its slabs, in their order; what is named twice is one chunk.
        checked: all of them were hashed. Each other is hashed when it comes in for the first time.
        mend: replaces a damaged chunk by a good one, or raises ArtifactError.
        backend: where they are brought; the page cache by default. Closed with this.
    """

    def __init__(
        self,
        artifact: Artifact,
        chunks: Sequence[str],
        *,
        checked: bool,
        mend: Mend | None = None,
        backend: Backend | None = None,
    ) -> None:
        self.sizes = {chunk: artifact.blob(chunk).length for chunk in chunks}
        self._artifact = artifact
        self._files = FileBacked(artifact, chunks)
        self._backend = backend or self._files
        self._mend = mend
        self._unchecked: set[str] = set() if checked else set(self.sizes)
        self._where = str(artifact.path)
        self._mending = Lock()

    def promote(self, chunk: str) -> None:
        """Brings a chunk into DRAM, from wherever it is.

        Raises:
            ArtifactError: it is damaged, or there is none, and it could not be mended.
            InfcError: it cannot be read.
        """
        failed = self.promote_all((chunk,))
        if failed:
            raise failed[chunk]

    def promote_all(self, chunks: Sequence[str]) -> dict[str, InfcError]:
        """Brings chunks in, together; of those that could not be, why, as `promote` says it."""
        failed: dict[str, InfcError] = {}
        left: list[str] = []
        for chunk in chunks:
            try:
                if not self._check(chunk):
                    left.append(chunk)
            except InfcError as error:
                failed[chunk] = error
        for chunk, error in self._backend.promote_all(left).items():
            failed[chunk] = self._unread(chunk, error) if isinstance(error, OSError) else error
        return failed

    @property
    def together(self) -> int:
        """How many chunks are best promoted by one `promote_all`: one, as long as there are some to be hashed."""
        return 1 if self._unchecked else self._backend.together

    def _check(self, chunk: str) -> bool:
        """Hashes a chunk that never was. Whether it came in by that."""
        if chunk not in self._unchecked:
            return False
        if not self._right(chunk):
            with self._mending:
                if not self._right(chunk):
                    self._mended(chunk)
        self._unchecked.discard(chunk)
        return self._backend is self._files

    def demote(self, chunk: str) -> None:
        """Lets a chunk leave DRAM that nobody has mapped."""
        self._backend.demote(chunk)

    def resident(self, chunk: str) -> int | None:
        """Bytes of the chunk in DRAM; None where the kernel does not say."""
        return self._backend.resident(chunk)

    def close(self) -> None:
        """Gives the artifact back."""
        self._backend.close()
        self._files.close()
        self._artifact.close()

    def _mended(self, chunk: str) -> None:
        what = f"{self._where}: chunk {chunk} was changed: its content has another digest"
        if self._mend is None:
            raise ArtifactError(what, hint=FETCH_AGAIN)
        self._mend(chunk)
        if not self._right(chunk):
            raise ArtifactError(what, hint=FETCH_AGAIN)

    def _right(self, chunk: str) -> bool:
        state = hashlib.sha256()
        try:
            for piece in self._files.read(chunk):
                state.update(piece)
        except OSError as error:
            raise self._unread(chunk, error) from error
        return f"sha256:{state.hexdigest()}" == chunk

    def _unread(self, chunk: str, error: OSError) -> InfcError:
        return InfcError(
            f"{self._where}: chunk {chunk} cannot be read: {error.strerror}",
            hint="the kernel's log says what is wrong with the disk",
        )
