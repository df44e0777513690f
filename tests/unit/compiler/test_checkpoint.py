"""Checkpoints with a factory: what is loaded, and that nothing of a hostile file runs."""

import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from infc.compiler.doors import Request, read_source
from infc.errors import SourceError, UsageError

from support import models

FACTORY = f"{models.__file__}:mlp"
TIED = f"{models.__file__}:tagger"


def trained() -> dict[str, torch.Tensor]:
    """The MLP's state dict with other weights than the factory's."""
    return {key: tensor + 1 for key, tensor in models.mlp()[0].state_dict().items()}


def read(path: Path, factory: str = FACTORY) -> dict[str, torch.Tensor]:
    """The weights of the module that the door makes of `path`."""
    source = read_source(str(path), Request(factory=factory))
    assert source.name == path.stem
    module: Any = source.module
    return module.state_dict()


def assert_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3},
                                  lambda s: {f"module.{k}": v for k, v in s.items()}])  # fmt: skip
@pytest.mark.parametrize("legacy", [False, True])
def test_the_checkpoints_weights_replace_the_factorys(tmp_path: Path, wrap: Any, legacy: bool) -> None:
    path = tmp_path / "weights.pt"
    torch.save(wrap(trained()), path, _use_new_zipfile_serialization=not legacy)
    assert_equal(read(path), trained())


def test_safetensors_are_read_and_one_of_two_tied_names_is_enough(tmp_path: Path) -> None:
    state = {key: tensor + 1 for key, tensor in models.tagger()[0].state_dict().items()}
    kept = {key: tensor for key, tensor in state.items() if key != "head.weight"}
    save_file(kept, tmp_path / "weights.safetensors")
    found = read(tmp_path / "weights.safetensors", TIED)
    assert torch.equal(found["head.weight"], state["embed.weight"])


class Attack:
    """A pickle that creates a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))])
def test_a_pickle_that_would_run_code_does_not_run(tmp_path: Path, write: Any) -> None:
    path, trace = tmp_path / "weights.pt", tmp_path / "attacked"
    write({"0.weight": Attack(trace)}, path)
    with pytest.raises(SourceError, match=r"would run code|cannot be read"):
        read(path)
    assert not trace.exists()


def test_the_attack_would_work_where_pickles_are_run(tmp_path: Path) -> None:
    torch.save(Attack(tmp_path / "attacked"), tmp_path / "weights.pt")
    torch.load(tmp_path / "weights.pt", weights_only=False)
    assert (tmp_path / "attacked").exists()


def test_a_whole_pickled_module_is_refused_with_the_way_out(tmp_path: Path) -> None:
    torch.save(models.mlp()[0], tmp_path / "model.pt")
    with pytest.raises(SourceError, match="would run code") as caught:
        read(tmp_path / "model.pt")
    assert "state_dict()" in caught.value.hint


def drop(state: dict[str, Any]) -> None:
    del state["0.bias"]


def add(state: dict[str, Any]) -> None:
    state["3.weight"] = torch.ones(2)


def reshape(state: dict[str, Any]) -> None:
    state["0.bias"] = torch.ones(36)


def untensor(state: dict[str, Any]) -> None:
    state["0.bias"] = [1.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, "'0.bias' missing"),
        (add, "'3.weight' unexpected"),
        (reshape, r"'0.bias' has shape \[36\], .* takes \[37\]"),
        (untensor, "entry '0.bias' is a list"),
    ],
)
def test_a_state_dict_that_does_not_fit_names_the_key(tmp_path: Path, change: Any, message: str) -> None:
    state = trained()
    change(state)
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(SourceError, match=message):
        read(tmp_path / "weights.pt")


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
@pytest.mark.parametrize("contents", [b"", b"not a checkpoint", b"PK\x03\x04broken", b"\xff" * 64])
def test_a_damaged_file_is_a_source_error(tmp_path: Path, name: str, contents: bytes) -> None:
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(SourceError, match="cannot be read as a checkpoint"):
        read(tmp_path / name)


def header(text: bytes, length: int | None = None) -> bytes:
    """A .safetensors file of four bytes of data, whose header claims to have `length` bytes."""
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(4)


@pytest.mark.parametrize(
    "contents",
    [
        header(b"{}", 1 << 62),
        header(b'{"a": {"dtype": "F32", "shape": [1099511627776, 1099511627776], "data_offsets": [0, 4]}}'),
        header(b'{"a": {"dtype": "F32", "shape": [1000], "data_offsets": [0, 4000]}}'),
        header(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, '
               b'"b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'),
        header(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ],
    ids=["a header of 4 EiB", "an overflowing shape", "outside of the file", "overlapping", "deeply nested"],
)  # fmt: skip
def test_a_hostile_safetensors_header_is_a_source_error(tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "weights.safetensors").write_bytes(contents)
    with pytest.raises(SourceError, match="cannot be read as a checkpoint"):
        read(tmp_path / "weights.safetensors")


def test_a_truncated_checkpoint_is_a_source_error(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(trained(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SourceError, match="cannot be read as a checkpoint"):
        read(path)


def test_a_checkpoint_without_a_factory_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="weights and no program") as caught:
        read_source(str(tmp_path / "weights.pt"))
    assert "--factory" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "request_", "option"),
    [
        (FACTORY, Request(task="fill-mask"), "--task"),
        (FACTORY, Request(factory=FACTORY), "--factory"),
        ("weights.pt", Request(task="fill-mask"), "--task"),
    ],
)
def test_an_option_of_another_door_is_refused(text: str, request_: Request, option: str) -> None:
    with pytest.raises(UsageError, match=f"takes no {option}"):
        read_source(text, request_)
