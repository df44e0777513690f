"""An artifact again: as it is, in part, or with another config, which is what `infc verify -o` makes of a report."""

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from infc.errors import ArtifactError

from .layout import FETCH_AGAIN
from .oci import Descriptor
from .reader import Artifact
from .schema import Config
from .sink import sync_folder, writing
from .temporary import new_file, sweep
from .writer import ArtifactWriter, Form

_PIECE = 64 << 20  # bytes; so often a copy looks whether it is still wanted


def rewrite(artifact: Artifact, out: str | os.PathLike[str], config: Config) -> str:
    """Writes `artifact` to `out`, in the same form, with `config` for its own. Returns the new manifest's digest.

    Modules and chunks are copied one at a time, each checked against its digest. `out` may be the artifact itself: it
    is replaced in one step, at the end.

    Raises:
        ArtifactError: a blob was changed, the config does not fit the blobs, or `out` cannot be written.
    """
    return _write(artifact, artifact.layers, out, config, "dir" if artifact.path.is_dir() else "tar")


def extract(artifact: Artifact, out: str | os.PathLike[str], config: Config) -> str:
    """Writes a part of `artifact` to the tar `out`: `config`, and of the modules and chunks those that it names.

    Returns the new manifest's digest.

    Raises:
        ArtifactError: as for `rewrite`.
    """
    stages = [stage for build in config.targets for stage in build.stages]
    named = {module.module for stage in stages for module in stage.modules}
    named.update(chunk for stage in stages for chunk in stage.slab.chunks)
    return _write(artifact, [layer for layer in artifact.layers if layer.digest in named], out, config, "tar")


def _write(
    artifact: Artifact, layers: Sequence[Descriptor], out: str | os.PathLike[str], config: Config, form: Form
) -> str:
    with ArtifactWriter(out, form=form) as writer:
        for layer in layers:
            if writer.add_blob(artifact.read(layer.digest), layer.media_type) != layer.digest:
                raise ArtifactError(f"{artifact.path}: blob {layer.digest} was changed", hint=FETCH_AGAIN)
        return writer.finish(config)


class TarCopy:
    """The artifact in the tar `path`, to be copied to `out`, byte for byte and unchecked.

    `run` writes beside `out`, in any thread; `publish` then replaces what is there in one step; `discard` comes last.
    """

    def __init__(self, path: Path, out: str | os.PathLike[str]) -> None:
        self._path = path
        self._out = Path(os.path.realpath(out))
        self._stopped = Event()
        self._temporary: Path | None = None
        self._fd = -1

    def run(self) -> None:
        """Copy everything, unless `stop` comes before.

        Raises:
            ArtifactError: `path` cannot be read, or the copy cannot be written.
        """
        with writing(self._out), self._path.open("rb") as source:
            sweep(self._out)
            self._temporary, self._fd = new_file(self._out)
            offset = 0
            while not self._stopped.is_set() and (sent := os.sendfile(self._fd, source.fileno(), offset, _PIECE)):
                offset += sent
            if not self._stopped.is_set():
                os.fsync(self._fd)

    def stop(self) -> None:
        """Let `run` end soon."""
        self._stopped.set()

    def publish(self) -> None:
        """Give the copy, which is complete, its name. Raises ArtifactError when that fails."""
        if self._temporary is None:
            raise ValueError("nothing was copied")
        with writing(self._out):
            self._temporary.replace(self._out)
            self._temporary = None
            sync_folder(self._out.parent)

    def discard(self) -> None:
        """Remove what was not published, when `run` has ended."""
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
        if self._fd >= 0:
            os.close(self._fd)
        self._temporary, self._fd = None, -1
