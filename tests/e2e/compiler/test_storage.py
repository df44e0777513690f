"""`--quantize`, `--cast-weights` and `--pipeline`: smaller artifacts whose error is known, and bounded."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from infc.cli import main
from infc.compiler import CompileOptions, compile_model
from infc.compiler.middle import parse_middle
from infc.errors import VerifyError
from infc.runtime.artifact import Artifact, rewrite

from support import command

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 64)
        self.up, self.twin, self.down = nn.Linear(64, 96), nn.Linear(64, 96), nn.Linear(96, 64)

    def forward(self, ids):
        rows = self.table(ids)
        return self.down(torch.relu(self.up(rows)) + self.twin(rows))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.LSTM(32, 32, batch_first=True), nn.Linear(32, 8)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


def recurrent():
    torch.manual_seed(0)
    return Recurrent().eval(), (torch.randn(64, 6, 32),)


def make():
    torch.manual_seed(0)
    return Net().eval(), (torch.arange(6).reshape(1, 6),)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("storage") / "net.py"
    path.write_text(MODEL)
    return f"{path}:make"


def infc(*arguments: str) -> str:
    """Standard output of the command line."""
    done = command.infc(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_the_command_line_to_what_inspect_and_verify_say(source: str, tmp_path: Path) -> None:
    out = str(tmp_path / "net.infc")
    report = json.loads(infc("compile", source, "-o", out, "--pipeline", "size", "--tolerance", "0.2", "--json"))
    (check, *_) = report["targets"][0]["verify"]["outputs"]
    assert 1e-4 < check["max_rel_error"] < check["tolerance"] == 0.2
    config = json.loads(infc("inspect", out, "--json"))["config"]
    said = {"pipeline": "size", "quantize": "8", "cast": "bf16", "tolerance": 0.2}
    assert config["middle"] == {**said, "passes": [], "plugins": []}
    shown = infc("inspect", out)
    assert "size, quantize 8, cast bf16, error up to 0.2 accepted" in shown
    assert "i8 18.4 kB" in shown  # 64·96·3 bytes
    assert "weights as stored" in shown
    (own, *_) = report["targets"][0]["verify"]["stored"]
    assert own["max_rel_error"] < own["tolerance"] == 1e-4
    # The bound is in the artifact: who verifies it need not say it again.
    result = CliRunner().invoke(main, ["verify", out, source])
    assert result.exit_code == 0, result.output
    assert "random inputs (3 trials), against the weights as they are stored: largest error" in result.output
    check_a_small_miscompile(Path(out), source, tmp_path / "wrong.infc")


def check_a_small_miscompile(right: Path, source: str, wrong: Path) -> None:
    """One that is smaller than what the rounding costs: two layers have each other's scales, which differ by 1 %."""
    with Artifact.open(right) as artifact:
        config = artifact.config
        (build,) = config.targets
        (stage,) = build.stages
        places = {weight.key: weight.offset for weight in stage.slab.weights}
        one, other = (next(key for key in places if key.startswith(f"{name}.weight|quantize[scale")) for name in
                      ("up", "twin"))  # fmt: skip
        places[one], places[other] = places[other], places[one]
        weights = tuple(replace(weight, offset=places[weight.key]) for weight in stage.slab.weights)
        swapped = replace(build, stages=(replace(stage, slab=replace(stage.slab, weights=weights)),))
        rewrite(artifact, wrong, replace(config, targets=(swapped,)))
    result = CliRunner().invoke(main, ["verify", str(wrong), source])
    assert result.exit_code == VerifyError.exit_code
    assert "differs from PyTorch with the weights as they are stored" in result.output
    assert "tolerance 0.0001" in result.output


@pytest.mark.parametrize(
    ("pipeline", "quantize", "cast", "dtypes"),
    [
        ("default", "4,group=16,asymmetric", None, {"f32", "i4", "i8"}),
        ("default", None, "f16", {"f32", "f16"}),
        ("latency", None, None, {"f32"}),
    ],
)
def test_the_slab_holds_the_types_that_were_asked_for(
    pipeline: str, quantize: str | None, cast: str | None, dtypes: set[str], source: str, tmp_path: Path
) -> None:
    options = CompileOptions(middle=parse_middle(pipeline, quantize, cast, None), cache=None)
    paths = [tmp_path / "a.infc", tmp_path / "b.infc"][: 2 if quantize else 1]
    for path in paths:
        compile_model(source, path, options)
    assert len({path.read_bytes() for path in paths}) == 1
    with Artifact.open(paths[0]) as artifact:
        weights = artifact.config.targets[0].stages[0].slab.weights
        assert {weight.dtype for weight in weights} == dtypes
        joined = "up.weight|concat[0,192,twin.weight]" in {weight.key for weight in weights}
        assert joined == (pipeline == "latency")
        assert all(weight.length == 3072 for weight in weights if weight.dtype == "i4")  # 64·96 halves of a byte


def test_an_error_above_the_bound_leaves_no_artifact(source: str, tmp_path: Path) -> None:
    out = tmp_path / "net.infc"
    options = CompileOptions(middle=parse_middle("default", "4", None, 0.0005), cache=None)
    with pytest.raises(VerifyError, match=r"tolerance 0\.0005") as caught:
        compile_model(source, out, options)
    assert "--tolerance" in caught.value.hint
    assert not out.exists()


def test_gates_that_tip_over_far_from_the_example_are_reported(source: str, tmp_path: Path) -> None:
    options = CompileOptions(middle=parse_middle("default", "8"), cache=None)
    result = compile_model(source.replace(":make", ":recurrent"), tmp_path / "net.infc", options)
    report = result.config.targets[0].verify
    assert report is not None
    (left_out,) = report.left_out
    assert left_out.values == "largest"
    assert "right for the weights as they are stored" in left_out.why
    assert "tolerance 0.1" in left_out.why
    assert {check.values for check in report.outputs} == {"random", "zeros", "smallest"}
    assert max(check.max_rel_error for check in report.stored if check.values == "largest") < 1e-4
