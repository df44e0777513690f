"""The models of a store: the manifests in its index, by name."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from infc.errors import ArtifactError, UsageError

from ..artifact.digest import is_digest
from ..artifact.format import ARTIFACT_TYPE, INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE
from ..artifact.oci import OCI_LAYOUT, OCI_LAYOUT_FILE, Descriptor, Index
from ..artifact.sink import sync_folder
from .folder import Folder

NAME = "org.opencontainers.image.ref.name"  # the annotation that the OCI image layout keeps names in
UPSTREAM = "dev.infc.upstream"  # the annotation that says where missing blobs come from
INDEX_LIMIT = 256 << 20  # bytes; some 400 for each model
CHECK = "`infc store check --repair` makes the index anew from the blobs that are there"
_LONGEST_NAME = 256


def checked_name(name: str) -> str:
    """The name of a model in a store.

    Raises:
        UsageError: it is empty, too long, or has characters that no name has.
    """
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or any(char.isspace() for char in name):
        raise UsageError(
            f"{name!r} is no name for a model in a store",
            hint=f"1 to {_LONGEST_NAME} printable characters without spaces: --name minilm, for example",
        )
    return name


def name_of(entry: Descriptor) -> str:
    """The name of a model, by its entry in the index; empty where it has none."""
    return (entry.annotations or {}).get(NAME, "")


def some(names: Iterable[str]) -> str:
    """The first few of many names."""
    listed = sorted(names)
    return ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "") or "none"


def entry_for(name: str, digest: str, size: int, upstream: str = "") -> Descriptor:
    """The index's entry of a model."""
    annotations = {NAME: name, UPSTREAM: upstream} if upstream else {NAME: name}
    return Descriptor(
        media_type=MANIFEST_MEDIA_TYPE, artifact_type=ARTIFACT_TYPE, digest=digest, size=size, annotations=annotations
    )


def decode_index(raw: bytes, where: str) -> dict[str, Descriptor]:
    """The entries of an index by name. A layout of one model has no name in it: it is then named `""`.

    Raises:
        ArtifactError: it is no index, or has a name or a digest that is none, or a name twice.
    """
    try:
        index = msgspec.json.decode(raw, type=Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{where} is not valid: {error}", hint=CHECK) from error
    entries: dict[str, Descriptor] = {}
    for entry in index.manifests:
        name = name_of(entry)
        shown = all(text.isprintable() for text in (entry.annotations or {}).values())
        if name in entries or not shown or not is_digest(entry.digest) or entry.size < 0:
            raise ArtifactError(
                f"{where} is not valid: entry {name!r} with digest {entry.digest!r}, or its name twice", hint=CHECK
            )
        entries[name] = entry
    return entries


def read_index(folder: Folder) -> dict[str, Descriptor]:
    """The store's models by name.

    Raises:
        ArtifactError: there is no store at that path, or its index cannot be read.
    """
    try:
        with folder.index.open("rb") as file:
            raw = file.read(INDEX_LIMIT + 1)
    except FileNotFoundError:
        if not folder.blobs.is_dir():
            raise ArtifactError(
                f"{folder.path} is no store: {folder.index.name} is missing", hint="`infc store add` makes one"
            ) from None
        if any(folder.blobs.iterdir()):
            raise ArtifactError(f"{folder.index} is missing", hint=CHECK) from None
        return {}  # its maker was stopped before it wrote the first
    except OSError as error:
        raise ArtifactError(
            f"{folder.index}: {error.strerror}", hint="is it the path of a store, and may you read it?"
        ) from error
    if len(raw) > INDEX_LIMIT:
        raise ArtifactError(f"{folder.index} has more than the {INDEX_LIMIT} bytes it may have", hint=CHECK)
    return decode_index(raw, str(folder.index))


def write_index(folder: Folder, entries: Mapping[str, Descriptor]) -> None:
    """Replaces the index in one step. Hold the index's lock."""
    index = Index(
        schema_version=2,
        media_type=INDEX_MEDIA_TYPE,
        manifests=tuple(entry for _, entry in sorted(entries.items())),
    )
    if not (folder.path / OCI_LAYOUT_FILE).exists():
        replace(folder, folder.path / OCI_LAYOUT_FILE, OCI_LAYOUT)
    replace(folder, folder.index, msgspec.json.encode(index))


def replace(folder: Folder, path: Path, data: bytes) -> None:
    """Gives a file new content in one step, which survives a loss of power once this returns."""
    temporary = folder.temporary(path.name)
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
