"""An artifact again, with another config: what `infc verify -o` makes of a report."""

import os

from infc.errors import ArtifactError

from .layout import FETCH_AGAIN
from .reader import Artifact
from .schema import Config
from .writer import ArtifactWriter


def rewrite(artifact: Artifact, out: str | os.PathLike[str], config: Config) -> str:
    """Writes `artifact` to `out`, in the same form, with `config` for its own. Returns the new manifest's digest.

    Modules and chunks are copied one at a time, each checked against its digest. `out` may be the artifact itself: it
    is replaced in one step, at the end.

    Raises:
        ArtifactError: a blob was changed, the config does not fit the blobs, or `out` cannot be written.
    """
    with ArtifactWriter(out, form="dir" if artifact.path.is_dir() else "tar") as writer:
        for layer in artifact.layers:
            if writer.add_blob(artifact.read(layer.digest), layer.media_type) != layer.digest:
                raise ArtifactError(f"{artifact.path}: blob {layer.digest} was changed", hint=FETCH_AGAIN)
        return writer.finish(config)
