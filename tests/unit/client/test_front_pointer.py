"""The pointer's `[front]`: the artifact that runs in the application, by name and digest."""

import io
from pathlib import Path

import pytest

from infc.errors import ArtifactError
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
