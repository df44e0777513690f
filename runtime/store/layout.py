"""A model in a store as the layout that an artifact is read from; what is missing is fetched when it is opened."""

import os
from collections.abc import Mapping
from pathlib import Path

from infc.errors import ArtifactError

from ..artifact.layout import Blob, DirLayout, Opened
from ..artifact.oci import Descriptor
from . import blobs
from .folder import Folder, Lease, Locks
from .upstream import Upstream


class StoreLayout:
    """The blobs of one manifest. Closing it gives the lease back.

    Args:
        folder: the store.
        wanted: the manifest's blobs by digest.
        upstream: where blobs come from that the store does not have.
        held: keeps them from being collected.
    """

    def __init__(
        self, folder: Folder, wanted: Mapping[str, Descriptor], upstream: Upstream | None, held: Lease
    ) -> None:
        self._files = DirLayout(folder.path)
        self._folder = folder
        self._wanted = wanted
        self._upstream = upstream
        self._held = held

    @property
    def path(self) -> Path:
        return self._folder.path

    def document(self, name: str) -> Blob:
        return self._files.document(name)

    def blob(self, digest: str) -> Blob:
        wanted = self._wanted.get(digest)
        if wanted is None or self._upstream is None or blobs.has(self._folder, wanted):
            return self._files.blob(digest)
        return Blob(self._folder.blob(digest), 0, wanted.size)

    def descriptor(self, blob: Blob) -> Opened:
        """A file descriptor on a blob, which is fetched first where it is missing.

        Raises:
            ArtifactError: it is missing and cannot be fetched.
        """
        if self._upstream is not None:
            self.ensure(f"sha256:{blob.path.name}")
        return self._files.descriptor(blob)

    def ensure(self, digest: str) -> None:
        """Fetches a blob that is missing.

        Raises:
            ArtifactError: it cannot be fetched.
        """
        wanted = self._wanted.get(digest)
        if wanted is None or self._upstream is None or blobs.has(self._folder, wanted):
            return
        try:
            with Locks(self._folder).blobs(alone=False):
                self._upstream.fetch(self._folder, wanted)
        except OSError as error:
            raise ArtifactError(
                f"cannot write to {self._folder.path}: {os.strerror(error.errno or 0)}",
                hint="is there room, and may you write there?",
            ) from error

    def close(self) -> None:
        self._held.close()
