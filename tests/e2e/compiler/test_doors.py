"""One model through several front doors, by the real command line: the same numbers, whichever door it came through."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infc.runtime.artifact import Artifact
from infc.runtime.session import Session

from support.command import infc

EXAMPLE = Path(__file__).parents[3] / "examples" / "doors.py"
FACTORY = ("--factory", f"{EXAMPLE}:classifier")
DOORS: dict[str, tuple[str, ...]] = {
    "vit": ("--task", "image-classification"),
    "vit.safetensors": FACTORY,
    "vit.pt": FACTORY,
    "vit.onnx": (),
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    runpy.run_path(str(EXAMPLE))["write"](folder)
    return folder


@pytest.fixture(scope="module")
def expected(sources: Path) -> tuple[np.ndarray, np.ndarray]:
    """An image and PyTorch's logits for it."""
    import torch
    from transformers import ViTForImageClassification

    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        return image.numpy(), ViTForImageClassification.from_pretrained(sources / "vit")(image).logits.numpy()


@pytest.mark.parametrize("name", DOORS)
def test_every_door_leads_to_the_same_model(
    name: str, sources: Path, expected: tuple[Any, Any], tmp_path: Path
) -> None:
    out = tmp_path / "vit.infc"
    done = infc("compile", sources / name, *DOORS[name], "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "vit"
    with Artifact.open(out, check=True) as artifact, Session.attach(artifact) as session:
        logits = session.run({"pixel_values": expected[0]})["logits"]
    np.testing.assert_allclose(logits, expected[1], rtol=1e-4, atol=1e-5)
    if name != "vit.pt":
        return
    # `infc verify` takes what `infc compile` took. The factory's own weights are others than the checkpoint's.
    assert infc("verify", out, sources / name, *DOORS[name]).returncode == 0
    assert infc("verify", out, f"{EXAMPLE}:classifier").returncode == 6


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (("vit", "--task", "fill-mask"), 3, "vit has no head for fill-mask", "image-classification"),
        (("vit", "--input", "pixel_values=1x3"), 2, "--input 'pixel_values=1x3' is no NAME=SHAPE", "1x64xi64"),
        (("vit.pt",), 3, "weights and no program", "--factory file.py:make"),
        (("vit", *FACTORY), 2, "takes no --factory", "checkpoints"),
        (("none.pt", *FACTORY), 3, "no such file", "path"),
    ],
)
def test_what_a_door_does_not_take_is_an_error_with_a_hint(
    arguments: tuple[str, ...], code: int, error: str, hint: str, sources: Path, tmp_path: Path
) -> None:
    done = infc("compile", sources / arguments[0], *arguments[1:], "-o", tmp_path / "x.infc")
    assert done.returncode == code
    first, _, second = done.stderr.strip().partition("\n\n")
    assert first.startswith("error: ") and error in first and "\n" not in first
    assert second.startswith("hint: ") and hint in second
    assert not (tmp_path / "x.infc").exists()
