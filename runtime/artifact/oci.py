"""The OCI documents around the blobs: image layout, index and manifest.

Unknown fields are ignored on reading, as the OCI image specification asks: registries and signing tools add theirs.
"""

import msgspec

OCI_LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
BLOB_FOLDER = "blobs/sha256"
OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'

# Where the manifest's bytes begin in the tar. Only in the index, which is no blob: the manifest, and with it the
# artifact's digest, is the same in a directory and in a tar.
OFFSET_ANNOTATION = "dev.infc.offset"


class Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of the OCI structs."""


class Descriptor(Document, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A pointer to a blob. `size` in bytes."""

    media_type: str
    artifact_type: str | None = None
    digest: str
    size: int
    annotations: dict[str, str] | None = None


class Manifest(Document, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What belongs to one artifact: its config and, as layers, its modules and weight chunks."""

    schema_version: int
    media_type: str
    artifact_type: str | None = None
    config: Descriptor
    layers: tuple[Descriptor, ...]


class Index(Document, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The manifests of an image layout."""

    schema_version: int
    media_type: str | None = None
    manifests: tuple[Descriptor, ...]


class LayoutFile(Document, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The content of `oci-layout`."""

    image_layout_version: str
