"""Commands take a model from a file or, with `--store`, by its name."""

from pathlib import Path

from ..artifact import Artifact
from .store import Store


def open_model(source: Path, folder: Path | None, *, check: bool = False) -> Artifact:
    """A model, open for reading.

    Args:
        source: the artifact's path; with a store, the model's name in it.
        folder: the store, if any.
        check: hash every module and chunk.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    if folder is None:
        return Artifact.open(source, check=check)
    return Store(folder).open(str(source), check=check)
