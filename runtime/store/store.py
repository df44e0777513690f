"""A store: many models, one set of blobs, shared by all processes of a host."""

import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infc.errors import ArtifactError

from ..artifact import Artifact
from ..artifact.format import CHUNK_MEDIA_TYPE
from ..artifact.oci import Descriptor, Manifest
from ..artifact.sink import sync_folder, writing
from . import blobs
from .folder import Folder, Locks, OnWait, delete, directory, lease, leased
from .index import UPSTREAM, checked_name, entry_for, name_of, read_index, some, write_index
from .layout import StoreLayout
from .manifest import blobs_of, decode_manifest, read_manifest
from .upstream import Upstream

_FETCHES = 8  # at a time


@dataclass(frozen=True)
class Added:
    """What adding a model did. `written` are the bytes of the blobs that the store did not have, of `size` in all."""

    name: str
    digest: str
    size: int
    written: int


@dataclass(frozen=True)
class Model:
    """A model in a store. `size` in bytes, each blob counted once; `here` are those that need not be fetched.

    `own` are the bytes on this disk that no other model of the store shares: what removing it would free.
    """

    name: str
    digest: str
    size: int
    here: int
    own: int
    upstream: str


@dataclass(frozen=True)
class Collected:
    """What a collection deleted: blobs and leftovers, and their bytes."""

    files: int
    bytes: int


class Store:
    """Models by name, their blobs by digest. Safe for threads and for any number of processes of one host.

    A model is there when the index names it, which happens last; killed at any moment, a process leaves the models
    that were there as they were, and at most blobs that nothing refers to, which `collect` deletes.

    Args:
        path: the store's directory. `add` and `fetch` make it.
        on_wait: called before waiting for another process.
    """

    def __init__(self, path: str | os.PathLike[str], *, on_wait: OnWait | None = None) -> None:
        self.folder = Folder(directory(path))
        self._locks = Locks(self.folder)
        self._on_wait = on_wait

    @property
    def path(self) -> Path:
        return self.folder.path

    def add(self, source: str | os.PathLike[str], *, name: str | None = None, replace: bool = False) -> Added:
        """Copies an artifact into the store. Blobs that are there already are neither read nor written again; every
        other is hashed while it is written.

        Args:
            source: a `.infc` file or directory.
            name: the model's name in the store; the artifact's own by default.
            replace: take the place of another model of that name.

        Raises:
            ArtifactError: the source is no artifact or was changed, the name is taken, or the file system refuses.
            UsageError: the name is none.
        """
        with Artifact.open(source) as artifact:
            chosen = checked_name(artifact.config.name if name is None else name)
            raw = b"".join(artifact.pieces(artifact.digest))
            entry = entry_for(chosen, artifact.digest, len(raw))
            manifest = decode_manifest(raw, str(source))
            with self._adding():
                written = 0
                for blob in blobs_of(entry, manifest).values():
                    if not blobs.has(self.folder, blob):
                        blobs.put(self.folder, blob, artifact.pieces(blob.digest), str(source))
                        written += blob.size
                return self._publish(entry, manifest, written, replace)

    def fetch(
        self, url: str, model: str | None = None, *, name: str | None = None, replace: bool = False, lazy: bool = False
    ) -> Added:
        """Copies a model from another store. What it sends is hashed.

        Args:
            url: the other store, as fsspec names it.
            model: its name there; may be left out where there is one only.
            name: its name here; the same by default.
            replace: take the place of another model of that name.
            lazy: leave the weights there; each chunk is fetched when it is first opened.

        Raises:
            ArtifactError: the other store cannot be read, lacks the model or sends something else.
            UsageError: the URL or the name is none.
        """
        upstream = Upstream(url)
        there = upstream.chosen(model)
        raw = upstream.document(there)
        manifest = decode_manifest(raw, upstream.url)
        known = name_of(there) or upstream.config_name(manifest)
        entry = entry_for(checked_name(name or known), there.digest, len(raw), upstream.url)
        with self._adding():
            wanted = [
                blob
                for blob in blobs_of(entry, manifest).values()
                if not blobs.has(self.folder, blob) and not (lazy and blob.media_type == CHUNK_MEDIA_TYPE)
            ]
            with ThreadPoolExecutor(_FETCHES) as threads:
                list(threads.map(lambda blob: upstream.fetch(self.folder, blob), wanted))
            # Read as a model before the index names it: a manifest of the right digest may still describe nonsense.
            Artifact.of(self._layout(entry, manifest), entry).close()
            return self._publish(entry, manifest, sum(blob.size for blob in wanted), replace)

    def open(self, name: str, *, check: bool = False) -> Artifact:
        """A model, to be attached. Until it is closed, none of its blobs is collected, whoever removes the model.

        Args:
            name: the model.
            check: hash every module and chunk, as `Artifact.open` does. One that is wrong is set aside, and fetched
                again where the store knows from where.

        Raises:
            ArtifactError: there is no such model, or it is incomplete or damaged.
        """
        self._entry(name)
        with writing(self.path):
            self.folder.make()
        with self._locks.blobs(alone=False, on_wait=self._on_wait):
            entry = self._entry(name)
            manifest = read_manifest(self.folder, entry)
            layout = self._layout(entry, manifest)
        artifact = Artifact.of(layout, entry)
        if check:
            self._check(artifact, layout, manifest)
        return artifact

    def mend(self, name: str, digest: str) -> None:
        """Sets a damaged blob of a model aside, and fetches it again. Who has it mapped keeps the old one.

        Raises:
            ArtifactError: there is nowhere to fetch it from, or what comes is wrong too. The blob is missing then.
        """
        with self._locks.blobs(alone=False, on_wait=self._on_wait):
            entry = self._entry(name)
            layout = self._layout(entry, read_manifest(self.folder, entry))
        try:
            blobs.set_aside(self.folder, digest)
            if not (entry.annotations or {}).get(UPSTREAM):
                raise ArtifactError(
                    f"{self.path}: blob {digest} of model {name!r} was damaged, and is set aside",
                    hint="add the model's artifact again: `infc store add`",
                )
            layout.ensure(digest)
        finally:
            layout.close()

    def models(self) -> list[Model]:
        """What is there, by name.

        Raises:
            ArtifactError: there is no store, or it is damaged.
        """
        entries = read_index(self.folder)
        owned = {name: blobs_of(entry, read_manifest(self.folder, entry)) for name, entry in entries.items()}
        users: dict[str, int] = {}
        for each in owned.values():
            for digest in each:
                users[digest] = users.get(digest, 0) + 1
        found: list[Model] = []
        for name, entry in entries.items():
            here = [blob for blob in owned[name].values() if blobs.has(self.folder, blob)]
            found.append(
                Model(
                    name=name,
                    digest=entry.digest,
                    size=sum(blob.size for blob in owned[name].values()),
                    here=sum(blob.size for blob in here),
                    own=sum(blob.size for blob in here if users[blob.digest] == 1),
                    upstream=(entry.annotations or {}).get(UPSTREAM, ""),
                )
            )
        return found

    def remove(self, name: str) -> None:
        """Takes a model out of the index. Its blobs stay until `collect`.

        Raises:
            ArtifactError: there is no such model.
        """
        self._entry(name)
        with writing(self.path), self._locks.index():
            entries = read_index(self.folder)
            entries.pop(name, None)
            write_index(self.folder, entries)

    def collect(self, *, dry_run: bool = False) -> Collected:
        """Deletes the blobs that no model of the store and no open model refers to, what killed processes left, and
        what was set aside.

        Waits until nobody is adding.

        Raises:
            ArtifactError: a manifest is missing or damaged, so that what it refers to is not known.
        """
        read_index(self.folder)
        # The index's lock too: whoever replaces the index has a file in `incoming` for a moment.
        with writing(self.path), self._locks.blobs(alone=True, on_wait=self._on_wait), self._locks.index():
            entries = read_index(self.folder)
            kept: set[str] = set()
            for entry in entries.values():
                kept |= blobs_of(entry, read_manifest(self.folder, entry)).keys()
            for digest in leased(self.folder) - kept:
                held = Descriptor(media_type="", digest=digest, size=0)
                kept |= blobs_of(held, read_manifest(self.folder, held)).keys()
            doomed = [path for path in self.folder.blobs.iterdir() if f"sha256:{path.name}" not in kept]
            doomed += [*self.folder.incoming.iterdir(), *self.folder.quarantine.iterdir()]
            size = sum(path.lstat().st_size for path in doomed)
            if not dry_run:
                for path in doomed:
                    delete(path)
            return Collected(len(doomed), size)

    @contextmanager
    def _adding(self) -> Generator[None, None, None]:
        with writing(self.path):
            self.folder.make()
            with self._locks.blobs(alone=False, on_wait=self._on_wait):
                with self._locks.index():
                    if not self.folder.index.exists():  # before the first blob, so that blobs without one are a loss
                        write_index(self.folder, read_index(self.folder))
                yield

    def _publish(self, entry: Descriptor, manifest: Manifest, written: int, replace: bool) -> Added:
        name = name_of(entry)
        sync_folder(self.folder.blobs)
        with self._locks.index():
            entries = read_index(self.folder)
            taken = entries.get(name)
            if taken and taken.digest != entry.digest and not replace:
                raise ArtifactError(
                    f"{self.path} has another model of the name {name!r}, {taken.digest}",
                    hint="give it another name with --name, or --replace the one that is there",
                )
            entries[name] = entry
            write_index(self.folder, entries)
        return Added(name, entry.digest, sum(blob.size for blob in blobs_of(entry, manifest).values()), written)

    def _entry(self, name: str) -> Descriptor:
        entries = read_index(self.folder)
        if name not in entries:
            raise ArtifactError(f"{self.path} has no model {name!r}", hint=f"it has {some(entries)}")
        return entries[name]

    def _layout(self, entry: Descriptor, manifest: Manifest) -> StoreLayout:
        url = (entry.annotations or {}).get(UPSTREAM, "")
        upstream = Upstream(url) if url else None
        return StoreLayout(self.folder, blobs_of(entry, manifest), upstream, lease(self.folder, entry.digest))

    def _check(self, artifact: Artifact, layout: StoreLayout, manifest: Manifest) -> None:
        try:
            for blob in manifest.layers:
                layout.ensure(blob.digest)
                if blobs.has(self.folder, blob) and not blobs.is_right(self.folder, blob.digest):
                    blobs.set_aside(self.folder, blob.digest)
                    layout.ensure(blob.digest)
            artifact.check()
        except BaseException:
            artifact.close()
            raise
