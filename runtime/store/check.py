"""Is a store what it says, and making it so again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from infc.errors import ArtifactError, InfcError

from ..artifact.digest import is_digest
from ..artifact.oci import Descriptor
from ..artifact.sink import writing
from . import blobs
from .folder import Folder, Locks, OnWait
from .index import NAME, UPSTREAM, entry_for, read_index, write_index
from .manifest import MANIFEST_LIMIT, blobs_of, decode_manifest, read_manifest
from .upstream import Upstream


@dataclass(frozen=True)
class Problem:
    """Something that is wrong. `repaired` is what was done about it, empty where nothing was."""

    what: str
    repaired: str = ""


@dataclass(frozen=True)
class Checked:
    """What a check found: how much there is, and what is wrong.

    `garbage` are blobs and leftovers that no model needs, which is no problem. `absent` are chunks that were left
    where they can be fetched from.
    """

    models: int
    blobs: int
    bytes: int
    garbage: int
    absent: int
    problems: tuple[Problem, ...] = field(default=())

    @property
    def sound(self) -> bool:
        """Whether every model is there, or is again."""
        return all(problem.repaired for problem in self.problems)


def check(path: Path, *, repair: bool = False, on_wait: OnWait | None = None) -> Checked:
    """Hashes every blob of a store, and looks for what its models need and do not have.

    With `repair`, a blob that is wrong is set aside, one that can be fetched is fetched, and an index that cannot be
    read is made anew from the manifests that are there. No model is removed: one that is incomplete is whole again once
    its artifact is added again.

    Raises:
        ArtifactError: there is no store at that path, or the file system refuses.
    """
    folder = Folder(path)
    if not folder.blobs.is_dir():
        read_index(folder)
    with writing(path):
        folder.make()
        with Locks(folder).blobs(alone=repair, on_wait=on_wait):
            return _Check(folder, repair).run()


class _Check:
    def __init__(self, folder: Folder, repair: bool) -> None:
        self._folder = folder
        self._repair = repair
        self._problems: list[Problem] = []
        self._absent: set[str] = set()

    def run(self) -> Checked:
        names = sorted(path.name for path in self._folder.blobs.iterdir())
        wrong = self._wrong(names)
        there = {f"sha256:{name}" for name in names} - wrong
        entries = self._entries(there)
        needed: set[str] = set()
        for name, entry in entries.items():
            needed |= self._model(name, entry, there)
        leftovers = [*self._folder.incoming.iterdir(), *self._folder.quarantine.iterdir()]
        return Checked(
            models=len(entries),
            blobs=len(there),
            bytes=sum(max(0, blobs.length_of(self._folder.blob(digest))) for digest in there),
            garbage=len(there - needed) + len(leftovers),
            absent=len(self._absent),
            problems=tuple(self._problems),
        )

    def _wrong(self, names: list[str]) -> set[str]:
        """The blobs that are not what their names say; set aside when repairing."""
        wrong: set[str] = set()
        digests = [f"sha256:{name}" for name in names]
        with ThreadPoolExecutor() as threads:  # hashing lets go of the interpreter's lock
            for digest, right in zip(digests, threads.map(self._right, digests), strict=True):
                if right:
                    continue
                wrong.add(digest)
                if self._repair:
                    blobs.set_aside(self._folder, digest)
                self._note(f"blob {digest} is not what its name says", "set aside")
        return wrong

    def _right(self, digest: str) -> bool:
        if not is_digest(digest) or blobs.length_of(self._folder.blob(digest)) < 0:
            return False
        return blobs.is_right(self._folder, digest)

    def _entries(self, there: set[str]) -> dict[str, Descriptor]:
        try:
            return read_index(self._folder)
        except ArtifactError as error:
            found = dict(self._found(there))
            if self._repair:
                with Locks(self._folder).index():
                    write_index(self._folder, found)
            self._note(error.message, f"made anew with {len(found)} models")
            return found

    def _found(self, there: set[str]) -> Iterator[tuple[str, Descriptor]]:
        """The models whose manifests are among the blobs, by the names that their configs have."""
        seen: set[str] = set()
        for digest in sorted(there):
            path = self._folder.blob(digest)
            size = blobs.length_of(path)
            with path.open("rb") as file:
                if size > MANIFEST_LIMIT or file.read(1) != b"{":
                    continue
                file.seek(0)
                raw = file.read()
            try:
                manifest = decode_manifest(raw, str(path))
                config = msgspec.json.decode(self._folder.blob(manifest.config.digest).read_bytes())
                name = str(config["name"])
            except (ArtifactError, OSError, msgspec.DecodeError, LookupError, TypeError):
                continue  # not a manifest, or one that nothing can be made of
            name = f"{name}@{digest[7:19]}" if name in seen else name
            seen.add(name)
            yield name, entry_for(name, digest, size)

    def _model(self, name: str, entry: Descriptor, there: set[str]) -> set[str]:
        """The digests that a model needs."""
        annotations = entry.annotations or {}
        label = f"model {annotations.get(NAME, name)!r}"
        upstream: Upstream | None = None
        try:
            upstream = Upstream(annotations[UPSTREAM]) if annotations.get(UPSTREAM) else None
        except InfcError as error:
            self._note(f"{label} comes from nowhere: {error.message}", "")
        if entry.digest not in there and not self._fetched(label, entry, upstream, there):
            return {entry.digest}
        try:
            needed = blobs_of(entry, read_manifest(self._folder, entry))
        except ArtifactError as error:
            self._note(f"{label}: {error.message}", "")
            return {entry.digest}
        for digest, blob in needed.items():
            if digest not in there:
                self._fetched(label, blob, upstream, there)
            elif blobs.length_of(self._folder.blob(digest)) != blob.size:
                self._note(f"{label}: blob {digest} should have {blob.size} bytes", "")
        return set(needed)

    def _fetched(self, label: str, blob: Descriptor, upstream: Upstream | None, there: set[str]) -> bool:
        if upstream is not None and not self._repair:
            self._absent.add(blob.digest)
            return False
        done = ""
        why = ""
        if upstream is not None:
            try:
                upstream.fetch(self._folder, blob)
                there.add(blob.digest)
                done = f"fetched from {upstream.url}"
            except ArtifactError as error:
                why = f": {error.message}"
        self._note(f"{label} lacks blob {blob.digest}{why}", done)
        return bool(done)

    def _note(self, what: str, done: str) -> None:
        self._problems.append(Problem(what, done if self._repair else ""))
