"""An artifact again: as it is, in part, or with another config, which is what `infc verify -o` makes of a report."""

import os
from collections.abc import Sequence
from pathlib import Path

from infc.errors import ArtifactError

from .layout import FETCH_AGAIN
from .oci import Descriptor
from .reader import Artifact
from .schema import Config
from .sink import sync_folder, writing
from .temporary import new_file, sweep
from .writer import ArtifactWriter, Form


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


def copy_tar(path: Path, out: str | os.PathLike[str]) -> None:
    """Copies the artifact in the tar `path` to `out`, byte for byte and unchecked, replacing what is there in one step.

    Raises:
        ArtifactError: `path` cannot be read, or `out` cannot be written.
    """
    destination = Path(os.path.realpath(out))
    with writing(destination), path.open("rb") as source:
        sweep(destination)
        temporary, fd = new_file(destination)
        try:
            offset = 0
            while sent := os.sendfile(fd, source.fileno(), offset, 1 << 30):
                offset += sent
            os.fsync(fd)
            temporary.replace(destination)
            sync_folder(destination.parent)
        finally:
            os.close(fd)
            temporary.unlink(missing_ok=True)
