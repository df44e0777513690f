"""Several files as the methods of one artifact, one of them with dims that vary."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from infc.compiler.doors import Request
from infc.compiler.doors.methods import parse_methods
from infc.compiler.driver import CompileOptions, compile_model
from infc.compiler.dynamic import parse_dynamic
from infc.compiler.verification.check import check_against
from infc.runtime.artifact import Artifact
from infc.runtime.session import Session


class Encoder(torch.nn.Module):
    def __init__(self, table: torch.nn.Linear) -> None:
        super().__init__()
        self.inner = table

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x).relu()


class Decoder(torch.nn.Module):
    """With the encoder's weights, under another name."""

    def __init__(self, table: torch.nn.Linear) -> None:
        super().__init__()
        self.tied = table

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return h @ self.tied.weight


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, torch.nn.Linear]:
    torch.manual_seed(0)
    table = torch.nn.Linear(8, 16)
    rows: Any = torch.export.Dim("rows", max=5)
    encoder = torch.export.export(Encoder(table), (torch.randn(3, 8),), dynamic_shapes=({0: rows},))
    torch.export.save(encoder, tmp_path / "encode.pt2")
    torch.export.save(torch.export.export(Decoder(table), (torch.randn(3, 16),)), tmp_path / "decode.pt2")
    return tmp_path / "encode.pt2", tmp_path / "decode.pt2", table


def test_two_files_are_two_methods_over_one_set_of_weights(
    files: tuple[Path, Path, torch.nn.Linear], tmp_path: Path
) -> None:
    encode, decode, table = files
    names, paths = parse_methods(["encode", f"decode={decode}"])
    request = Request(methods=names, files=paths)
    options = CompileOptions(request=request, dynamic=parse_dynamic([], ["x_0=5"]), cache=tmp_path / "cache")
    made = compile_model(str(encode), tmp_path / "out.infc", options)
    assert [method.name for method in made.config.interface.methods] == ["encode", "decode"]
    sources = {weight.key.partition("@")[0] for weight in made.config.targets[0].stages[0].slab.weights}
    assert sources == {"inner.weight", "inner.bias"}
    x, h = torch.randn(2, 8), torch.randn(3, 16)
    with Artifact.open(made.path, check=True) as artifact, torch.no_grad():
        with Session.attach(artifact) as session:
            np.testing.assert_allclose(
                session.run({"x": x.numpy()}, "encode")["output_0"], table(x).relu().numpy(), rtol=1e-4, atol=1e-5
            )
            np.testing.assert_allclose(
                session.run({"h": h.numpy()}, "decode")["output_0"], (h @ table.weight).numpy(), rtol=1e-4, atol=1e-5
            )
        assert check_against(artifact, str(encode), request, trials=1, seed=1).reports
    assert compile_model(str(encode), tmp_path / "again.infc", options).cached
    # Another file for the second method is another model.
    torch.export.save(torch.export.export(Decoder(torch.nn.Linear(8, 16)), (h,)), decode)
    assert not compile_model(str(encode), tmp_path / "other.infc", options).cached
