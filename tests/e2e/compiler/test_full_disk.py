"""A disk that fills up at each stage of a compile: one error that names it, and no half-written artifact."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import models
from support.full_disk import run_on_small_disk

SOURCE = f"{models.__file__}:tagger"
INFC = [sys.executable, "-m", "infc"]


# What the tagger's artifact needs: a page for its documents, its module, its weights, and the config.
@pytest.mark.parametrize("size", ["4k", "16k", "28k"], ids=["at once", "at the module", "at the end"])
def test_the_output(size: str, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    command = [*INFC, "compile", SOURCE, "-o", str(folder / "out.infc"), "--no-verify"]
    done = run_on_small_disk(folder, size, command, tmp_path / "left")
    assert done.returncode == 5, done.stderr
    assert done.stderr == (
        f"error: cannot write {folder / 'out.infc'}: No space left on device\n\n"
        f"hint: free some space on the file system at {folder}, or name an output on another one\n"
    )
    assert (tmp_path / "left").read_text() == ""


def test_the_directory_for_the_ir(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    command = [*INFC, "compile", SOURCE, "-o", str(tmp_path / "out.infc"), "--save-temps", str(folder)]
    done = run_on_small_disk(folder, "4k", command, tmp_path / "left")
    assert done.returncode == 4, done.stderr
    assert f"error: --save-temps: cannot write {folder / 'torch.mlir'}: No space left on device" in done.stderr
    assert not (tmp_path / "out.infc").exists()


def test_the_directory_for_temporary_files(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    command = [*INFC, "compile", SOURCE, "-o", str(tmp_path / "out.infc")]
    done = run_on_small_disk(folder, "4k", command, tmp_path / "left", env=os.environ | {"TMPDIR": str(folder)})
    assert done.returncode == 4, done.stderr
    assert f"no space left on the file system of {folder}" in done.stderr
    assert not (tmp_path / "out.infc").exists()


def test_the_outputs_of_a_run(linear_artifact: Path, tmp_path: Path) -> None:
    command = [*INFC, "run", str(linear_artifact), "--random"]
    saved = subprocess.run([*command, "--output", "/dev/full"], capture_output=True, text=True, check=False)
    assert saved.returncode != 0
    assert saved.stderr.startswith("error: ") and "No space left on device" in saved.stderr
    with Path("/dev/full").open("w") as full:
        shown = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert shown.returncode == 1
    assert shown.stderr.startswith("error: cannot write the output: No space left on device")
