"""A compiler that is wrong on purpose: verification has to see it, and nothing may be left behind."""

from pathlib import Path

import numpy as np
import pytest

from infc.compiler import compile_model
from infc.compiler import iree as backend
from infc.compiler.children import Children
from infc.compiler.targets import Target
from infc.compiler.weights import WeightTable
from infc.errors import VerifyError

from support import models

SOURCE = f"{models.__file__}:mlp"


def test_a_weight_packed_wrongly_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = WeightTable.encode

    def wrong(self: WeightTable, key: str, layout: str) -> np.ndarray:
        packed = right(self, key, layout).copy()
        if key == "2.weight":
            packed[0, 0], packed[0, 1] = packed[0, 1].copy(), packed[0, 0].copy()
        return packed

    monkeypatch.setattr(WeightTable, "encode", wrong)
    out = tmp_path / "out.infc"
    out.write_bytes(b"what was there before")
    with pytest.raises(VerifyError, match="output 'output_0', random inputs, trial 0: differs from PyTorch"):
        compile_model(SOURCE, out)
    assert out.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [out]


def test_an_edited_module_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = backend.compile_text

    def wrong(text: str, target: Target, children: Children, *, doubles: bool = False) -> backend.Module:
        assert "math.erf" in text
        return right(text.replace("math.erf", "math.tanh"), target, children, doubles=doubles)

    monkeypatch.setattr(backend, "compile_text", wrong)
    with pytest.raises(VerifyError, match=r"tolerance 0\.0001"):
        compile_model(SOURCE, tmp_path / "out.infc")
    assert list(tmp_path.iterdir()) == []
