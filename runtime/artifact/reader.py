"""Opening an artifact: every claim it makes about sizes, places and digests is checked before it is believed."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from infc.errors import ArtifactError

from .decoding import MALFORMED, decode_config, invalid
from .digest import digest_of, is_digest
from .format import (
    ARTIFACT_TYPE,
    CHUNK_MEDIA_TYPE,
    CONFIG_MEDIA_TYPE,
    MANIFEST_MEDIA_TYPE,
    RPC_MEDIA_TYPE,
    SCHEMA_VERSION,
)
from .layout import FETCH_AGAIN, Blob, DirLayout, Layout, Opened, closing_on_error, pieces, read
from .oci import INDEX_FILE, OCI_LAYOUT_FILE, Descriptor, Index, LayoutFile, Manifest
from .schema import Config, Method, TargetBuild
from .tar import open_tar
from .validate import Validator

_INDEX_LIMIT = 1 << 20  # bytes, like the limits below: none of these documents has a reason to be larger
_MANIFEST_LIMIT = 64 << 20
_CONFIG_LIMIT = 256 << 20
_DOCUMENT_LIMIT = 64 << 20
_HASHING = 4  # blobs at a time; as many reads keep a disk busy

T = TypeVar("T")


class _Version(msgspec.Struct):
    """The one field that is looked at before the rest, so that a newer file is told from a broken one."""

    schema_version: int


class Artifact:
    """A compiled model, open for reading. A context manager; `close` gives back its file descriptor.

    Attributes:
        path: the directory or tar.
        digest: the manifest's digest: the artifact's identity, the same for both forms.
        config: what the artifact says about itself.
    """

    def __init__(self, layout: Layout, layers: tuple[Descriptor, ...], config: Config, digest: str) -> None:
        self._layout = layout
        self._layers = layers
        self.config = config
        self.digest = digest

    @staticmethod
    def open(path: str | os.PathLike[str], *, check: bool = False) -> "Artifact":
        """Opens a directory or a tar. Reads headers, manifest and config, and no weight.

        Args:
            path: the artifact.
            check: also hash every module and chunk, several at a time, at about 2 GB/s each. Needed once before the
                modules of a file from elsewhere run: they are native code.

        Raises:
            ArtifactError: no such file, no artifact, truncated, edited, of another schema version, or inconsistent.
        """
        path = Path(path)
        layout: Layout = DirLayout(path) if _is_dir(path) else open_tar(path)
        with closing_on_error(layout):
            artifact = _load(layout, _manifest_entry(layout))
            if check:
                artifact.check()
        return artifact

    @staticmethod
    def of(layout: Layout, entry: Descriptor) -> "Artifact":
        """The artifact of one manifest in a layout that may hold many. Closes the layout with itself, or when it fails.

        Args:
            layout: where the blobs are.
            entry: the manifest, as the layout's index has it.

        Raises:
            ArtifactError: as for `open`.
        """
        with closing_on_error(layout):
            return _load(layout, entry)

    def seen_as(self, config: Config) -> "Artifact":
        """The same artifact, with its digest, under a config made from its own: a part of the model. One file, open for
        both of them. What describes the whole model's interface is not in it."""
        layers = tuple(layer for layer in self._layers if layer.media_type != RPC_MEDIA_TYPE)
        return Artifact(self._layout, layers, config, self.digest)

    @property
    def path(self) -> Path:
        return self._layout.path

    @property
    def size(self) -> int:
        """Bytes of all modules and chunks, each counted once."""
        return sum(layer.size for layer in self._layers)

    @property
    def blob_count(self) -> int:
        """How many modules and chunks there are."""
        return len(self._layers)

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """All modules and chunks, in the order in which they were written."""
        return self._layers

    def only(self, media_type: str, what: str) -> bytes:
        """The contents of the one layer of a media type, compared with its digest; `what` names it in errors.

        Raises:
            ArtifactError: there is none, or more than one, or it is larger than any such layer, or was changed.
        """
        found = [layer for layer in self._layers if layer.media_type == media_type]
        if len(found) != 1:
            raise ArtifactError(
                f"{self.path}: has {len(found)} blobs of {media_type!r}, expected one: {what}",
                hint="the artifact was written by another infc; compile the model again",
            )
        return _verified(self._layout, found[0], what, _DOCUMENT_LIMIT)

    def read(self, digest: str) -> bytes:
        """The bytes of a module or chunk, as they lie: `check`, or the caller, compares them with the digest."""
        return b"".join(pieces(self._layout, self.blob(digest), f"blob {digest}"))

    def method(self, name: str | None = None) -> Method:
        """An entry point by name; the default is the first.

        Raises:
            ArtifactError: there is no such method.
        """
        methods = {method.name: method for method in self.config.interface.methods}
        if name is None:
            return self.config.interface.methods[0]
        if name not in methods:
            raise ArtifactError(f"{self.path}: no method {name!r}", hint=f"it has {', '.join(methods)}")
        return methods[name]

    def build(self, target: str = "cpu") -> TargetBuild:
        """What was compiled for a target, whether this host runs it or not.

        Raises:
            ArtifactError: it was not compiled for that target.
        """
        builds = {build.target: build for build in self.config.targets}
        if target not in builds:
            raise ArtifactError(
                f"{self.path}: not compiled for target {target!r}",
                hint=f"it has {', '.join(builds) or 'no target'}; compile it again with --target {target}",
            )
        return builds[target]

    def blob(self, digest: str) -> Blob:
        """Where a blob lies, to be mapped or read. Raises ArtifactError when there is none of that digest."""
        return self._layout.blob(digest)

    def descriptor(self, blob: Blob) -> Opened:
        """A context that lends a read-only file descriptor on the file that holds the blob."""
        return self._layout.descriptor(blob)

    def pieces(self, digest: str) -> Iterator[bytes]:
        """The content of a blob, piece by piece, as it is: not compared with its digest."""
        return pieces(self._layout, self.blob(digest), f"blob {digest}")

    def check(self, *, weights: bool = True) -> None:
        """Hashes every module and, with `weights`, every chunk.

        Raises:
            ArtifactError: names the first blob whose content is not what its digest says.
        """
        from concurrent.futures import ThreadPoolExecutor  # not for those who open only

        wanted = [layer for layer in self._layers if weights or layer.media_type != CHUNK_MEDIA_TYPE]
        # Some wait for the disk while others hash, which lets go of the interpreter's lock.
        with ThreadPoolExecutor(_HASHING, thread_name_prefix="check") as threads:
            for _ in threads.map(self._check, wanted):  # in order: of several that are wrong, the first is named
                pass

    def _check(self, layer: Descriptor) -> None:
        state = hashlib.sha256()
        for piece in pieces(self._layout, self.blob(layer.digest), f"blob {layer.digest}"):
            state.update(piece)
        if f"sha256:{state.hexdigest()}" != layer.digest:
            raise ArtifactError(
                f"{self.path}: blob {layer.digest} ({layer.media_type}) was changed: its content has the digest "
                f"sha256:{state.hexdigest()}",
                hint=FETCH_AGAIN,
            )

    def close(self) -> None:
        """Closes the file. What is mapped stays mapped."""
        self._layout.close()

    def __enter__(self) -> "Artifact":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_dir(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ArtifactError(f"{path}: {reason}", hint="give the path of a .infc artifact") from error


def _load(layout: Layout, entry: Descriptor) -> Artifact:
    manifest = _decode(layout, _verified(layout, entry, "manifest", _MANIFEST_LIMIT), Manifest, "manifest")
    if manifest.artifact_type != ARTIFACT_TYPE or manifest.config.media_type != CONFIG_MEDIA_TYPE:
        raise ArtifactError(
            f"{layout.path}: an OCI image layout of something else: artifactType {manifest.artifact_type!r}, config "
            f"{manifest.config.media_type!r}; expected {ARTIFACT_TYPE!r} and {CONFIG_MEDIA_TYPE!r}",
            hint="artifacts are written by `infc compile SRC -o OUT.infc`",
        )
    raw = _verified(layout, manifest.config, "config", _CONFIG_LIMIT)
    written = _decode(layout, raw, _Version, "config").schema_version
    if written != SCHEMA_VERSION:
        raise ArtifactError(
            f"{layout.path}: schema_version {written}, this infc reads {SCHEMA_VERSION}",
            hint="compile the model again with this infc, or use the infc that wrote it",
        )
    config = decode_config(str(layout.path), raw)
    for layer in manifest.layers:
        _sized(layout, layer, "layer")
    Validator(str(layout.path), {layer.digest: layer.size for layer in manifest.layers}).config(config)
    return Artifact(layout, manifest.layers, config, entry.digest)


def _manifest_entry(layout: Layout) -> Descriptor:
    marker = read(layout, layout.document(OCI_LAYOUT_FILE), OCI_LAYOUT_FILE, _INDEX_LIMIT)
    version = _decode(layout, marker, LayoutFile, OCI_LAYOUT_FILE).image_layout_version
    if version != "1.0.0":
        raise ArtifactError(f"{layout.path}: imageLayoutVersion {version!r}, expected '1.0.0'")
    raw = read(layout, layout.document(INDEX_FILE), INDEX_FILE, _INDEX_LIMIT)
    manifests = _decode(layout, raw, Index, INDEX_FILE).manifests
    if len(manifests) != 1 or manifests[0].media_type != MANIFEST_MEDIA_TYPE:
        raise ArtifactError(
            f"{layout.path}: {INDEX_FILE} lists {len(manifests)} manifests "
            f"({', '.join(entry.media_type for entry in manifests[:3])}), expected one of {MANIFEST_MEDIA_TYPE!r}",
            hint="artifacts are written by `infc compile SRC -o OUT.infc`",
        )
    return manifests[0]


def _sized(layout: Layout, entry: Descriptor, what: str) -> Blob:
    if not is_digest(entry.digest):
        raise ArtifactError(f"{layout.path}: {what} has digest {entry.digest!r}, expected sha256:<64 hex digits>")
    blob = layout.blob(entry.digest)
    if blob.length != entry.size:
        raise ArtifactError(
            f"{layout.path}: {what} {entry.digest} has {blob.length} bytes, expected {entry.size}", hint=FETCH_AGAIN
        )
    return blob


def _verified(layout: Layout, entry: Descriptor, what: str, limit: int) -> bytes:
    data = read(layout, _sized(layout, entry, what), what, limit)
    if digest_of(data) != entry.digest:
        raise ArtifactError(
            f"{layout.path}: {what} {entry.digest} was changed: its content has the digest {digest_of(data)}",
            hint=FETCH_AGAIN,
        )
    return data


def _decode(layout: Layout, data: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except MALFORMED as error:
        raise invalid(str(layout.path), what, error) from error
