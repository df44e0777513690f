"""What a manifest in a store refers to."""

import msgspec

from infc.errors import ArtifactError

from ..artifact.digest import digest_of, is_digest
from ..artifact.format import ARTIFACT_TYPE
from ..artifact.oci import Descriptor, Manifest
from .folder import Folder

MANIFEST_LIMIT = 64 << 20  # bytes


def decode_manifest(raw: bytes, where: str) -> Manifest:
    """A manifest of infc's.

    Raises:
        ArtifactError: it is something else, or one of its digests is none.
    """
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(
            f"{where}: the manifest is not valid: {error}", hint="`infc store check` says what is wrong with a store"
        ) from error
    if manifest.artifact_type != ARTIFACT_TYPE:
        raise ArtifactError(f"{where}: a manifest of {manifest.artifact_type!r}, expected {ARTIFACT_TYPE!r}")
    for blob in (manifest.config, *manifest.layers):
        if not is_digest(blob.digest) or blob.size < 0:
            raise ArtifactError(
                f"{where}: the manifest names {blob.digest!r} of {blob.size} bytes, which is no blob",
                hint="`infc store check` says what is wrong with a store",
            )
    return manifest


def read_manifest(folder: Folder, entry: Descriptor) -> Manifest:
    """The manifest of an entry of the store's index.

    Raises:
        ArtifactError: it is missing, or not what its digest says.
    """
    where = f"{folder.path}: manifest {entry.digest}"
    try:
        with folder.blob(entry.digest).open("rb") as file:
            raw = file.read(MANIFEST_LIMIT)
    except OSError as error:
        raise ArtifactError(
            f"{where}: {error.strerror}", hint="`infc store check` says what else is missing"
        ) from error
    if digest_of(raw) != entry.digest:
        raise ArtifactError(f"{where} was changed", hint="`infc store check --repair` sets it aside")
    return decode_manifest(raw, where)


def blobs_of(entry: Descriptor, manifest: Manifest) -> dict[str, Descriptor]:
    """All blobs of a model by digest, its manifest among them."""
    return {blob.digest: blob for blob in (*manifest.layers, manifest.config, entry)}
