"""Where the blobs come from that a store does not have: another store, at any URL that fsspec reads."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import msgspec

from infc.errors import ArtifactError, InfcError, UsageError

from ..artifact.digest import digest_of, hex_of
from ..artifact.oci import BLOB_FOLDER, INDEX_FILE, Descriptor, Manifest
from .blobs import Mismatch, put
from .folder import Folder
from .index import INDEX_LIMIT, decode_index, some

_PIECE = 4 << 20  # bytes
_DOCUMENT_LIMIT = 256 << 20  # bytes


class Upstream:
    """A store or an artifact's directory at a URL: `file:///models`, `https://host/models`, `s3://bucket/models`.

    What it sends is believed only as far as it has the digest that was asked for.

    Its file system is made when something is first read: who only computes on what is here already pays for none.

    Raises:
        UsageError: the URL names a chain of file systems, or holds a password.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if "::" in url or not parts.scheme or not (parts.netloc or parts.path.strip("/")):
            raise UsageError(f"{url!r} is no URL of a store", hint="file:///models or https://host/models, for example")
        if parts.password:
            raise UsageError(
                f"the URL of {parts.hostname} holds a password, which the store would keep",
                hint="give credentials in the way of the file system: its environment variables or its config file",
            )
        self.url = url.rstrip("/")
        # Over HTTP a blob is one request, read as it comes: not every server sends ranges.
        self._options = {"block_size": 0} if parts.scheme in ("http", "https") else {}

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system, and where in it the store begins.

        Raises:
            ArtifactError: the URL's file system is unknown, or its package is not installed.
        """
        import fsspec

        try:
            return fsspec.url_to_fs(self.url)
        except (ValueError, ImportError, OSError) as error:
            raise ArtifactError(f"{self.url}: {error}", hint=_hint(error)) from error

    def models(self) -> dict[str, Descriptor]:
        """Its models by name.

        Raises:
            ArtifactError: it cannot be read, or is no store.
        """
        return decode_index(self._read(INDEX_FILE, INDEX_LIMIT), f"{self.url}/{INDEX_FILE}")

    def chosen(self, model: str | None) -> Descriptor:
        """The entry of a model; of the only one where none is named.

        Raises:
            UsageError: it has several, and none is named.
            ArtifactError: it has no such model, or cannot be read.
        """
        models = self.models()
        if model is None and len(models) == 1:
            return next(iter(models.values()))
        if model is None:
            raise UsageError(f"{self.url} has {len(models)} models", hint=f"name one: {some(models)}")
        if model not in models:
            raise ArtifactError(f"{self.url} has no model {model!r}", hint=f"it has {some(models)}")
        return models[model]

    def config_name(self, manifest: Manifest) -> str:
        """The name that a model has in its config: that of an artifact's directory, whose index has none.

        Raises:
            ArtifactError: it cannot be read, or has none.
        """
        raw = self.document(manifest.config)
        try:
            return str(msgspec.json.decode(raw)["name"])
        except (msgspec.DecodeError, LookupError, TypeError) as error:
            raise ArtifactError(
                f"{self.url}: the config has no name: {error}", hint="is it an artifact of infc's?"
            ) from error

    def document(self, blob: Descriptor) -> bytes:
        """A manifest or a config.

        Raises:
            ArtifactError: it cannot be read, or is not what its digest says.
        """
        data = self._read(f"{BLOB_FOLDER}/{hex_of(blob.digest)}", min(blob.size, _DOCUMENT_LIMIT))
        if digest_of(data) != blob.digest:
            raise Mismatch(f"{self.url}: blob {blob.digest} came with the digest {digest_of(data)}")
        return data

    def fetch(self, folder: Folder, blob: Descriptor) -> None:
        """Brings a blob into a store. Content that is wrong, or came in part, is set aside and asked for once more.

        Raises:
            ArtifactError: it cannot be read, or was wrong twice. The store has no blob of that name then.
            OSError: the store's file system refuses.
        """
        name = f"{BLOB_FOLDER}/{hex_of(blob.digest)}"
        try:
            put(folder, blob, self._pieces(name), self.url, keep_wrong=True)
        except Mismatch:
            put(folder, blob, self._pieces(name), self.url, keep_wrong=True)

    def _read(self, name: str, limit: int) -> bytes:
        """A file's content, of which no more than one piece beyond the limit is read."""
        data = b""
        for piece in self._pieces(name):
            data += piece
            if len(data) > limit:
                raise ArtifactError(
                    f"{self.url}/{name} has more than the {limit} bytes it may have",
                    hint="is it an artifact of infc's?",
                )
        return data

    def _pieces(self, name: str) -> Iterator[bytes]:
        """A file's content, a few megabytes at a time."""
        files, root = self._opened
        try:
            with files.open(f"{root}/{name}", "rb", **self._options) as file:
                while piece := bytes(file.read(_PIECE)):
                    yield piece
        except InfcError:
            raise
        except Exception as error:  # every file system has errors of its own
            what = f"cannot read {self.url}/{name}: {type(error).__name__}: {error}"
            # A transfer that broke, or that the file system's own checksum refuses, is one of wrong content.
            kind = ArtifactError if isinstance(error, OSError) else Mismatch
            raise kind(what, hint=_hint(error)) from error


def _hint(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "the file system's package is not installed; for s3 `pip install 'infc[s3]'`, for https aiohttp"
    if isinstance(error, ValueError):
        return "the address of a store: a folder, or one that HTTP or fsspec reaches"
    if isinstance(error, PermissionError) or "credentials" in str(error).lower():
        return "it wants credentials that may read there; for s3 AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret"
    return "is it a store, and reachable from here?"
