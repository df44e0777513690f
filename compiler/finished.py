"""Finished artifacts, kept by what they were made from: the same model compiles again by being copied.

Two keys lead to one artifact. The files of a source that no code of the user's reads (a `.pt2`, a Hugging Face folder)
are known before anything is loaded. Every other source is known once it has been traced: by its graph, its weights and
its example inputs. The code of a factory is no key: what it imports may change and the code itself may not.
"""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.utils._pytree as pytree

from infc.errors import ArtifactError, SourceError

from ..runtime.artifact import Artifact, Config, copy_tar
from .arguments import takes
from .cache import Cache, key_of
from .export import Traced
from .fingerprint import host, toolchain
from .interface import returns_of

_OWN = {"module", "args", "kwargs", "exported", "onnx"}  # of a source: what is looked at closely, below


@dataclass(frozen=True)
class Shelf:
    """The finished artifacts of a cache, for one set of options: `asked` is all that the artifact depends on beside the
    model and the toolchain."""

    cache: Cache
    asked: Sequence[str]

    def of_files(self, *sources: str) -> "Files | None":
        """What the files that `sources` name are now; None where they are not all that the model is made from."""
        each = [_files(Path(source)) for source in sources]
        if not all(each):
            return None
        paths = [path for own in each for path in own]
        try:
            return Files(paths, _stamps(paths), self._key("files", *sources, *map(_file_digest, paths)))
        except OSError:
            return None  # the door says what is wrong with it

    def of_traced(self, *programs: Traced) -> str | None:
        """The key of a model's traced programs, None where one holds something that has no contents to compare."""
        try:
            return self._key("traced", *(key_of(list(_parts(traced))) for traced in programs))
        except (
            RuntimeError,
            NotImplementedError,
            TypeError,
            ValueError,
            SourceError,
        ):  # sparse, quantized: no plain bytes
            return None

    def behind(self, files: "Files") -> str | None:
        """The key of the model that was made from these files before."""
        found = self.cache.get("source", files.key)
        return found.decode() if found else None

    def put(self, key: str, files: "Files | None", artifact: Path) -> None:
        """Keep the finished artifact; also for its files, if they are still what they were when they were read."""
        self.cache.add("artifact", key, artifact)
        if files and files.unchanged():
            self.cache.put("source", files.key, key.encode())

    def take(self, key: str, out: Path) -> tuple[str, Config] | None:
        """Write the artifact of `key` to `out`: its digest and its config. None where there is none, or a broken one.

        Raises:
            ArtifactError: `out` cannot be written.
        """
        path = self.cache.find("artifact", key)
        if path is None:
            return None
        try:
            # Every byte, before `out` is touched: what is wrong then is the disk under `out`.
            artifact = Artifact.open(path, check=True)
        except ArtifactError:
            self.cache.drop("artifact", key)
            return None
        with artifact:
            copy_tar(path, out)
            return artifact.digest, artifact.config

    def _key(self, *parts: str) -> str:
        return key_of([toolchain(), host(), *self.asked, *parts])


@dataclass
class Lookup:
    """What one compile asks a shelf, and then leaves there. Without a shelf there is never anything.

    Args:
        sources: as the compile was told them.
        out: where an artifact that is found is written to.
    """

    shelf: Shelf | None
    sources: Sequence[str]
    out: Path
    _files: "Files | None" = None
    _key: str | None = None

    def by_files(self) -> tuple[str, Config] | None:
        """Digest and config of what the same files gave, now in `out`. Raises as `Shelf.take`."""
        if self.shelf is None:
            return None
        self._files = self.shelf.of_files(*self.sources)
        self._key = self._files and self.shelf.behind(self._files)
        return self.shelf.take(self._key, self.out) if self._key else None

    def by_traced(self, traced: Sequence[Traced]) -> tuple[str, Config] | None:
        """Digest and config of what the same programs gave, now in `out`. Raises as `Shelf.take`."""
        if self.shelf is None:
            return None
        self._key = self.shelf.of_traced(*traced)
        return self.shelf.take(self._key, self.out) if self._key else None

    def keep(self) -> None:
        """Leave the artifact that was written to `out` for the next time."""
        if self.shelf and self._key:
            self.shelf.put(self._key, self._files, self.out)


@dataclass(frozen=True)
class Files:
    """The files of a source as they were when they were hashed."""

    paths: Sequence[Path]
    stamps: Sequence[object]
    key: str

    def unchanged(self) -> bool:
        """Whether they are the same files, of the same size and time."""
        with contextlib.suppress(OSError):
            return _stamps(self.paths) == self.stamps
        return False


def _files(path: Path) -> list[Path]:
    if path.suffix == ".pt2" and path.is_file():
        return [path]
    if (path / "config.json").is_file():  # the files beside it: what lies deeper is not read
        return sorted(each for each in path.iterdir() if each.is_file())
    return []


def _stamps(paths: Sequence[Path]) -> list[object]:
    found = [path.stat() for path in paths]
    return [(each.st_ino, each.st_size, each.st_mtime_ns) for each in found]


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"{path}={hashlib.file_digest(file, 'sha256').hexdigest()}"


def _parts(traced: Traced) -> Iterator[str]:
    source = traced.source
    for field in dataclasses.fields(source):
        if field.name not in _OWN:
            yield f"{field.name}={getattr(source, field.name)!r}"
    yield source.doc
    leaves, tree = pytree.tree_flatten((source.args, dict(source.kwargs)))
    yield str(tree)
    yield from (_digest(leaf) if isinstance(leaf, torch.Tensor) else repr(leaf) for leaf in leaves)
    if source.onnx is not None:
        yield hashlib.sha256(source.onnx.model.SerializeToString(deterministic=True)).hexdigest()
        yield repr(source.onnx.method)
        return
    exported: Any = traced.exported
    yield f"{takes(source)} {returns_of(exported)}"
    yield f"{exported.graph_signature} {exported.range_constraints} {exported.call_spec}"
    for name, part in exported.graph_module.named_modules():
        if isinstance(part, torch.fx.GraphModule):
            yield f"{name}: {part.graph}"
            yield from (f"{node.name}: {node.meta.get('val')!r}" for node in part.graph.nodes)
    for name, value in sorted({**exported.state_dict, **exported.constants}.items()):
        yield f"{name}={_digest(value) if isinstance(value, torch.Tensor) else repr(value)}"


def _digest(tensor: torch.Tensor) -> str:
    plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    contents: Callable[..., Any] = plain.numpy
    digest = hashlib.sha256(contents().data).hexdigest()
    return f"{tensor.dtype} {tuple(tensor.shape)} {tensor.stride()} {digest}"
