"""The door for a checkpoint: a state dict of torch.save's or a .safetensors file, and the factory of its module."""

import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from infc.errors import SourceError

from ..frontend.source import Source
from .factory import is_factory, read_factory
from .reasons import one_line

# Under which of its keys a training checkpoint keeps the state dict.
_NESTED = ("state_dict", "model_state_dict", "model")


def read_checkpoint(path: Path, factory: str, methods: Sequence[str] = ()) -> list[Source]:
    """The module that `factory` builds, with the weights in `path`. Runs the factory's code, none of the checkpoint's.

    Raises:
        SourceError: no factory; no such file; a file that is damaged, would run code or holds no state dict; a state
            dict whose keys or shapes are not those of the module.
    """
    if not is_factory(factory):
        raise SourceError(
            f"{path} has weights and no program" if not factory else f"--factory {factory!r} names no factory",
            hint="say what builds its module: --factory file.py:make, which returns (module, inputs)",
        )
    if not path.is_file():
        raise SourceError(f"{path}: no such file", hint="is the path right, seen from this directory?")
    state = _safetensors(path) if path.suffix == ".safetensors" else _state_dict(path, _pickled(path))
    sources = read_factory(factory, methods)
    # They share one module's parameters.
    _load(path, factory, cast("torch.nn.Module", sources[0].module), state)
    return [replace(source, name=path.stem) for source in sources]


def _pickled(path: Path) -> Any:
    try:
        # Mapped, where the format allows it: the weights are then in memory once, in the module.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        if "Unsupported global" not in str(error):
            raise _damaged(path, "no file of torch.save's") from error
        raise SourceError(
            f"{path} holds more than tensors: reading it would run code, which infc does not do",
            hint="save the weights alone: torch.save(module.state_dict(), path), or as .safetensors",
        ) from error
    # What a damaged file makes torch raise is not documented: anything from KeyError to RuntimeError.
    except Exception as error:
        raise _damaged(path, one_line(error)) from error


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, one_line(error)) from error


def _damaged(path: Path, why: str) -> SourceError:
    return SourceError(f"{path} cannot be read as a checkpoint: {why}", hint="is it cut short, or something else?")


def _state_dict(path: Path, loaded: Any) -> dict[str, torch.Tensor]:
    if not isinstance(loaded, Mapping):
        raise SourceError(
            f"{path} holds a {type(loaded).__name__}, expected a state dict",
            hint="save it with torch.save(module.state_dict(), path)",
        )
    entries = cast("Mapping[Any, Any]", loaded)
    state = next((entries[key] for key in _NESTED if isinstance(entries.get(key), Mapping)), entries)
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise SourceError(
                f"{path}: entry {key!r} is a {type(value).__name__}, expected tensors by name",
                hint=f"a state dict, or one under {', '.join(map(repr, _NESTED))}",
            )
    found = dict(state)
    consume_prefix_in_state_dict_if_present(found, "module.")  # DataParallel's
    return found


def _load(path: Path, factory: str, module: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    own = module.state_dict()
    given = {_place(own[key]) for key in own.keys() & state.keys()}
    # One of two tied names is enough: safetensors keeps only one.
    missing = [key for key, tensor in own.items() if key not in state and _place(tensor) not in given]
    unexpected = [key for key in state if key not in own]
    if missing or unexpected:
        parts = [f"{_some(missing)} missing"] * bool(missing) + [f"{_some(unexpected)} unexpected"] * bool(unexpected)
        raise SourceError(
            f"{path} does not fit the module of {factory}: {'; '.join(parts)}",
            hint="does the factory build the model with the checkpoint's own configuration?",
        )
    for key, tensor in state.items():
        if tensor.shape != own[key].shape:
            raise SourceError(
                f"{path}: {key!r} has shape {list(tensor.shape)}, the module of {factory} takes {list(own[key].shape)}",
                hint="does the factory build the model with the checkpoint's own configuration?",
            )
        if own[key].is_meta:
            raise SourceError(f"{factory} builds {key!r} on the meta device", hint="build the module on the CPU")
    module.load_state_dict(state, strict=False)


def _place(tensor: torch.Tensor) -> tuple[int, torch.Size, tuple[int, ...]]:
    return tensor.data_ptr(), tensor.shape, tensor.stride()


def _some(names: list[str]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more
