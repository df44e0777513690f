"""The files of a Hugging Face model folder, checked before transformers opens them."""

import json
from pathlib import Path
from typing import Any, cast

from infc.errors import SourceError

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_INDEX = f"{_WEIGHTS}.index.json"


def check_folder(folder: Path) -> None:
    """Whether `folder` holds a configuration and all of its weights as safetensors.

    Raises:
        SourceError: a file is missing, is no JSON object, no safetensors, or lies outside of the folder.
    """
    if not (folder / _CONFIG).is_file():
        raise SourceError(
            f"{folder} has no {_CONFIG}", hint="a model folder is what save_pretrained wrote: config and safetensors"
        )
    read_json(folder / _CONFIG)
    for path in _weight_files(folder):
        _check_weights(path)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in the file at `path`. Raises SourceError when it holds something else."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path} cannot be read as JSON: {error}", hint="is it cut short?") from error
    if not isinstance(value, dict):
        raise SourceError(
            f"{path} holds a {type(value).__name__}, expected a JSON object",
            hint="is it the file that save_pretrained wrote?",
        )
    return cast("dict[str, Any]", value)


def _weight_files(folder: Path) -> list[Path]:
    if (folder / _WEIGHTS).is_file():
        return [folder / _WEIGHTS]
    if (folder / _INDEX).is_file():
        return _shards(folder)
    pickled = sorted(path.name for path in folder.glob("*.bin"))
    if pickled:
        raise SourceError(
            f"{folder} has its weights in {pickled[0]}, a pickle, which infc does not read from a folder",
            hint="load it in transformers and save_pretrained it again: that writes safetensors",
        )
    raise SourceError(f"{folder} has no {_WEIGHTS}", hint="save_pretrained writes it; is the download complete?")


def _shards(folder: Path) -> list[Path]:
    table = read_json(folder / _INDEX).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise SourceError(f"{folder / _INDEX} has no weight_map", hint="is it cut short?")
    names = set(cast("dict[str, object]", table).values())
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise SourceError(
                f"{folder / _INDEX} names the shard {name!r}, expected a file of the folder",
                hint="save_pretrained writes shards beside their index",
            )
        if not (folder / name).is_file():
            raise SourceError(f"{folder} lacks the shard {name}", hint="is the download complete?")
    return sorted(folder / cast("str", name) for name in names)


def _check_weights(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        raise SourceError(f"{path} is no safetensors file: {error}", hint="is it cut short?") from error
