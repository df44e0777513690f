"""`infc inspect` and `infc run`, through the command line."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from infc.runtime.arrays import load_array, save_arrays
from infc.runtime.artifact import Artifact, interface_digest

from support.artifacts import LINEAR, linear_reference, linear_weights, weight, write_artifact


def infc(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "infc", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )


def out(*arguments: object) -> str:
    done = infc(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def error(code: int, *arguments: object) -> str:
    done = infc(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_inspect_shows_every_section(embed_artifact: Path) -> None:
    text = out("inspect", embed_artifact, "--weights")
    with Artifact.open(embed_artifact) as artifact:
        assert artifact.digest in text
        assert interface_digest(artifact.config.interface) in text
    for expected in (
        "i64[2, 3] in 0..15",
        "IREE 3.13.0",
        "row_major",
        "f32[16, 4]",
        "4.1 kB",
        "1.25e-06",
        "it was too large",
    ):
        assert expected in text


def test_inspect_json_is_the_whole_config(embed_artifact: Path) -> None:
    document = json.loads(out("inspect", embed_artifact, "--json"))
    with Artifact.open(embed_artifact) as artifact:
        assert document["digest"] == artifact.digest
        assert document["blobs"] == artifact.blob_count >= 2  # a module, a chunk, what describes the interface
    assert document["config"]["interface"]["methods"][0]["inputs"][0]["high"] == 15
    assert document["config"]["targets"][0]["stages"][0]["slab"]["weights"][0]["key"] == "table"


def test_a_name_cannot_talk_to_the_terminal(tmp_path: Path) -> None:
    weights = [weight(f"{key}\x1b[31m[bold]", array) for key, array in linear_weights().items()]
    path = write_artifact(tmp_path / "m.infc", "\x1b]0;owned\x07", LINEAR, b"module", weights)
    text = out("inspect", path, "--weights")
    assert "\x1b" not in text
    assert "\\x1b[31m[bold]" in text


def test_run_reads_files_and_writes_outputs(linear_artifact: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((2, 8), dtype=np.float32)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "several.npz", a=-x, x=x)
    np.savez(tmp_path / "one:name.npz", whatever=x)
    for source in ("x.npy", "several.npz", "several.npz:x", "one:name.npz", "one:name.npz:whatever"):
        output = tmp_path / "y.npz"
        out("run", linear_artifact, "--input", f"x={tmp_path / source}", "--output", output)
        with np.load(output) as outputs:
            assert list(outputs) == ["output_0"]
            np.testing.assert_allclose(outputs["output_0"], linear_reference(x), rtol=1e-5, atol=1e-5)
        output.unlink()


def test_run_random_repeats_with_the_seed(embed_artifact: Path) -> None:
    one, again, other = (
        json.loads(out("run", embed_artifact, "--random", "--seed", seed, "--json")) for seed in (1, 1, 2)
    )
    assert one == again != other
    assert [(each["name"], each["dtype"], each["shape"]) for each in one["outputs"]] == [
        ("rows", "f32", [2, 3, 4]),
        ("masked", "bool", [2, 3]),
    ]
    assert "rows" in out("run", embed_artifact, "--random", "--seed", 1)


def test_run_says_what_is_wrong_with_inputs(embed_artifact: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "f32.npy", np.zeros((2, 3), dtype=np.float32))
    np.save(tmp_path / "objects.npy", np.array([print, 1], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=1, b=2)
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "empty.npy").touch()
    whole = (tmp_path / "f32.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-4])
    (tmp_path / "huge.npy").write_bytes(whole.replace(b"(2, 3)", b"(9999999999999,)")[:140])

    def wrong(source: str) -> str:
        return error(7, "run", embed_artifact, "--random", "--input", f"ids={tmp_path / source}")

    assert "input 'ids' has dtype f32, expected i64" in wrong("f32.npy")
    assert "no such file" in wrong("nothing.npy")
    assert "has no array 'ids'" in wrong("two.npz")
    assert "has no array 'c'" in wrong("two.npz:c")
    assert "holds one array and no key 'a'" in wrong("f32.npy:a")
    for name in ("objects.npy", "text.npy", "empty.npy", "cut.npy", "huge.npy"):
        assert f"input 'ids': cannot read {tmp_path / name}" in wrong(name)
    assert "no inputs: main takes ids, mask" in error(7, "run", embed_artifact)
    assert "unknown 'idz'" in error(7, "run", embed_artifact, "--random", "--input", f"idz={tmp_path / 'f32.npy'}")
    assert "expected NAME=FILE" in error(2, "run", embed_artifact, "--input", "ids")


def test_an_edited_module_is_not_run(tmp_path: Path, linear_artifact: Path) -> None:
    path = tmp_path / "edited.infc"
    data = bytearray(linear_artifact.read_bytes())
    with Artifact.open(linear_artifact) as artifact:
        data[artifact.blob(artifact.build().stages[0].modules[0].module).offset + 4000] ^= 1
    path.write_bytes(data)
    assert "was changed" in error(5, "run", path, "--random")


@pytest.mark.parametrize("command", [["inspect"], ["run", "--random"]])
def test_what_is_no_artifact(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    assert "not an infc artifact" in error(5, *command, tmp_path / "text")
    assert "not an infc artifact" in error(5, *command, tmp_path)
    assert "No such file" in error(5, *command, tmp_path / "nothing")


def test_outputs_that_cannot_be_written(linear_artifact: Path, tmp_path: Path) -> None:
    text = error(1, "run", linear_artifact, "--random", "--output", tmp_path / "no" / "y.npz")
    assert "cannot write" in text


def test_arrays_come_back_whatever_their_names(tmp_path: Path) -> None:
    arrays = {"file": np.arange(3), "a/b": np.ones((2, 2), dtype=bool), "scalar": np.array(1.5)}
    save_arrays(tmp_path / "a.npz", arrays)
    for name, array in arrays.items():
        assert np.array_equal(load_array("x", f"{tmp_path / 'a.npz'}:{name}"), array)
    assert zipfile.ZipFile(tmp_path / "a.npz").testzip() is None
