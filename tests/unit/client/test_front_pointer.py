"""What a pointer may say beside the rest: `[front]`, which runs in the application, and dims that vary."""

import io
from pathlib import Path

import numpy as np
import pytest

from infc.errors import ArtifactError, InvalidInput
from infc.remote.client import read_pointer

TEXT = """infc pointer v2
kind = "module"
model = "m"
digest = "sha256:{zeros}"
interface = "sha256:{zeros}"
pool = "127.0.0.1:1"

[[methods]]
name = "main"
takes = [["x", "either", true, ["tensor", "x"]]]
returns = ["tensor", "y"]
{front}
"""
DIGEST = "sha256:" + "1" * 64


def written(folder: Path, front: str) -> Path:
    path = folder / "model.pt"
    path.write_text(TEXT.format(zeros="0" * 64, front=front))
    return path


def test_the_front_lies_beside_the_pointer(tmp_path: Path) -> None:
    path = written(tmp_path, f'[front]\nfile = "model.pt.front.infc"\ndigest = "{DIGEST}"')
    front = read_pointer(path).front
    assert front is not None
    assert (front.path, front.digest) == (tmp_path / "model.pt.front.infc", DIGEST)


def test_without_it_nothing_runs_here(tmp_path: Path) -> None:
    assert read_pointer(written(tmp_path, "")).front is None


@pytest.mark.parametrize(
    ("front", "message"),
    [
        (f'[front]\nfile = "../evil.infc"\ndigest = "{DIGEST}"', "expected the name of a file beside the pointer"),
        (f'[front]\nfile = "/evil.infc"\ndigest = "{DIGEST}"', "expected the name of a file beside the pointer"),
        (f'[front]\nfile = ".."\ndigest = "{DIGEST}"', "expected the name of a file beside the pointer"),
        (f'[front]\nfile = ""\ndigest = "{DIGEST}"', "expected the name of a file beside the pointer"),
        ('[front]\nfile = "a.infc"\ndigest = "sha256:12"', "front.digest is 'sha256:12'"),
        ('[front]\nfile = "a.infc"', "expected a table with file and digest"),
        (f'[front]\nfile = "a"\ndigest = "{DIGEST}"\nurl = "http://x"', "expected a table with file and digest"),
        ("front = 3", "is no method"),  # in TOML it belongs to the last table
    ],
)
def test_a_front_that_is_none(tmp_path: Path, front: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message.replace("(", r"\(")):
        read_pointer(written(tmp_path, front))


def test_a_pointer_without_a_place_has_its_front_in_the_working_directory() -> None:
    text = TEXT.format(zeros="0" * 64, front=f'[front]\nfile = "a.infc"\ndigest = "{DIGEST}"')
    front = read_pointer(io.BytesIO(text.encode())).front
    assert front is not None
    assert front.path == Path("a.infc")


DIMS = 'dims = [["rows", 1, 16], ["n", 0, 3]]\nshapes = [["x", ["rows", 4]], ["s", ["rows", "n"]]]'
SHAPES = {"x": (3, 4), "s": (3, 2), "other": (99,)}


def test_dims_are_those_of_the_method(tmp_path: Path) -> None:
    dims = read_pointer(written(tmp_path, DIMS)).methods[0].dims
    assert dims.ranges == {"rows": (1, 16), "n": (0, 3)}
    dims.check({name: np.zeros(shape) for name, shape in SHAPES.items()}, model="m")
    assert read_pointer(written(tmp_path, "")).methods[0].dims.ranges == {}


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("x", (17, 4), "input 'x' of model 'm' has rows = 17, expected 1 to 16"),
        ("x", (0, 4), "input 'x' of model 'm' has rows = 0, expected 1 to 16"),
        ("s", (3, 4), "input 's' of model 'm' has n = 4, expected 0 to 3"),
        ("s", (4, 1), "dim 'rows' of model 'm' is 3 in input 'x' and 4 in input 's'"),
    ],
)
def test_sizes_that_a_call_may_not_choose(tmp_path: Path, name: str, shape: tuple[int, ...], message: str) -> None:
    dims = read_pointer(written(tmp_path, DIMS)).methods[0].dims
    inputs = {each: np.zeros(own) for each, own in (SHAPES | {name: shape}).items()}
    with pytest.raises(InvalidInput, match=message) as caught:
        dims.check(inputs, model="m")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dims = 3", "dims is 3, expected a list"),
        ('dims = [["rows", 5, 4]]', "is no dim, expected its name"),
        ('dims = [["rows", -1, 4]]', "is no dim, expected its name"),
        ('shapes = [["x", [1.5]]]', "is no shape, expected an input's name"),
        ('shapes = [["x", ["rows"]]]', "shapes name the dim 'rows', which has no range"),
        ('sizes = [["x", ["rows"]]]', "is no method, expected name, takes and returns"),
    ],
)
def test_dims_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        read_pointer(written(tmp_path, text))
