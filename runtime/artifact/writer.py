"""Writing an artifact: blobs first, config last, the name at the very end."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from infc.errors import ArtifactError

from .digest import digest_of
from .format import ARTIFACT_TYPE, CHUNK_MEDIA_TYPE, CONFIG_MEDIA_TYPE, INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE
from .oci import OFFSET_ANNOTATION, Descriptor, Index, Manifest
from .reader import Artifact
from .schema import Config, Slab
from .sink import DirSink, Sink, TarSink, writing
from .slab import SlabBuilder, WeightData
from .validate import Validator

Form = Literal["tar", "dir"]


class ArtifactWriter:
    """Writes one artifact, as a context manager. Same blobs in the same order and same config: same bytes.

    Nothing has the destination's name before `finish`, and leaving the context without it removes everything::

        with ArtifactWriter("bert.infc") as writer:
            module = writer.add_blob(vmfb, MODULE_MEDIA_TYPE)
            slab = writer.add_slab(weights)
            with writer.stage(config) as artifact:
                ...  # run it, compare it
            writer.finish(config_with_report)

    Args:
        path: the destination. An existing file, or an existing artifact directory, is replaced in one step.
        form: one tar, or a directory.

    Raises:
        ArtifactError: the destination cannot be written, or is something that must not be replaced.
    """

    def __init__(self, path: str | os.PathLike[str], *, form: Form = "tar") -> None:
        with writing(Path(path)):
            destination = Path(os.path.realpath(path))  # a link to an artifact stays a link
            if not destination.parent.is_dir():
                raise ArtifactError(
                    f"cannot write {path}: {destination.parent} is not a directory", hint="make it first: mkdir -p"
                )
            self._sink: Sink = TarSink(destination) if form == "tar" else DirSink(destination)
        self._where = str(path)
        self._layers: dict[str, Descriptor] = {}

    def __enter__(self) -> "ArtifactWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._sink.discard()

    def add_blob(self, data: bytes | bytearray | memoryview, media_type: str) -> str:
        """Stores bytes as a layer and returns their digest. The same bytes are stored once.

        Raises:
            ArtifactError: the file system refuses (no space, no permission).
        """
        digest = digest_of(data)
        if digest not in self._layers:
            self._sink.put(digest, memoryview(data))
            self._layers[digest] = Descriptor(media_type=media_type, digest=digest, size=len(data))
        return digest

    def add_slab(self, weights: Iterable[WeightData]) -> Slab:
        """Lays the weights out in the order given (that of first use) and stores the chunks as they fill.

        The weights are taken one at a time, and each may be freed when the next is asked for: of a model's bytes, no
        more than one chunk and a few small weights are held here.

        Raises:
            ArtifactError: a key twice, data that does not match dtype and shape, or the file system refuses.
        """
        builder = SlabBuilder(lambda chunk: self.add_blob(chunk, CHUNK_MEDIA_TYPE))
        for weight in weights:
            builder.add(weight)
        return builder.finish()

    def stage(self, config: Config) -> Artifact:
        """The artifact as it would be with this config, before it is published: to be run and compared. Close it.

        Raises:
            ArtifactError: the config does not fit the blobs.
        """
        self._validate(config)
        raw = msgspec.json.encode(config)
        return Artifact(self._sink.layout(), tuple(self._layers.values()), config, digest_of(self._manifest(raw)))

    def finish(self, config: Config) -> str:
        """Writes config, manifest and index, syncs, and gives the artifact its name. Returns the manifest's digest.

        Raises:
            ArtifactError: the config does not fit the blobs, or the file system refuses.
        """
        self._validate(config)
        raw = msgspec.json.encode(config)
        manifest = self._manifest(raw)
        config_digest, digest = digest_of(raw), digest_of(manifest)
        self._sink.put(config_digest, memoryview(raw))
        place = self._sink.put(digest, memoryview(manifest))
        entry = Descriptor(
            media_type=MANIFEST_MEDIA_TYPE,
            artifact_type=ARTIFACT_TYPE,
            digest=digest,
            size=len(manifest),
            annotations={OFFSET_ANNOTATION: str(place.offset)} if place.offset else None,
        )
        index = Index(schema_version=2, media_type=INDEX_MEDIA_TYPE, manifests=(entry,))
        self._sink.publish(msgspec.json.encode(index))
        return digest

    def _manifest(self, config: bytes) -> bytes:
        return msgspec.json.encode(
            Manifest(
                schema_version=2,
                media_type=MANIFEST_MEDIA_TYPE,
                artifact_type=ARTIFACT_TYPE,
                config=Descriptor(media_type=CONFIG_MEDIA_TYPE, digest=digest_of(config), size=len(config)),
                layers=tuple(self._layers.values()),
            )
        )

    def _validate(self, config: Config) -> None:
        Validator(self._where, {digest: layer.size for digest, layer in self._layers.items()}).config(config)
