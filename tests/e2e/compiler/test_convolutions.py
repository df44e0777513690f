"""Convolutions of every kind in one model, from PyTorch to an artifact: right, and with kernels as they should lie."""

from pathlib import Path

import torch
from torch import nn

from infc.compiler import CompileOptions, compile_model
from infc.compiler.middle import parse_middle
from infc.runtime.artifact import Artifact


class Twice(nn.ConvTranspose2d):
    """One that reads what another one gives."""

    def forward(self, input: torch.Tensor, output_size: list[int] | None = None) -> torch.Tensor:
        """`input` f32[N, C, H, W]; the result has its size."""
        return super().forward(super().forward(input, output_size), output_size)


# Each with its input's shape, what its kernel is made of in the slab, and the layout that it has there.
LAYERS = (
    (nn.ConvTranspose2d(8, 6, 2, stride=2), (1, 8, 5, 4), "permute[1,0,2,3]|flip[2,3]|phases[2,2]", "mmt4d[16,1]"),
    (nn.ConvTranspose2d(4, 34, (4, 3), (2, 1), (1, 2)), (2, 4, 5, 4), "phases[2,1]|", "mmt4d[16,1]"),
    (nn.ConvTranspose2d(4, 34, 3, 2, 1, output_padding=1, bias=False), (1, 4, 5, 4), "phases[2,2]", "mmt4d[16,1]"),
    (nn.ConvTranspose2d(6, 9, 4, 3, 0, 2, groups=3), (2, 6, 3, 4), "phases[3,3]", "mmt4d[16,1]"),
    (nn.ConvTranspose1d(4, 6, 16, 8, 4), (1, 4, 9), "phases[8]|", "mmt4d[16,1]"),
    (nn.ConvTranspose3d(4, 3, 2, 2), (1, 4, 2, 3, 2), "phases[2,2,2]", "mmt4d[16,1]"),
    (nn.ConvTranspose3d(4, 6, 3, 2, groups=2), (1, 4, 2, 3, 2), "phases[2,2,2]|", "mmt4d[16,1]"),
    (nn.Conv1d(6, 8, 3, 2, 1, groups=2), (2, 6, 9), "reshape[2,4,9]", "mmt4d[4,1]"),
    (
        nn.Conv3d(6, 8, (3, 2, 1), (1, 2, 3), groups=2, dilation=(2, 1, 1)),
        (2, 6, 5, 4, 4),
        "reshape[2,4,18]",
        "mmt4d[4,1]",
    ),
    (nn.ConvTranspose2d(4, 3, (1, 2), 2, 2), (1, 4, 6, 6), "phases[2,2]|", "mmt4d[16,1]"),  # cut deeper than it reaches
    (nn.ConvTranspose2d(4, 4, 4, 2, 1, groups=4), (1, 4, 3, 4), "flip[2,3]", "row_major"),
    (nn.Conv3d(4, 4, (3, 1, 2), (1, 2, 1), 1, groups=4), (2, 4, 3, 4, 3), "layers", "row_major"),
    (nn.ConvTranspose1d(4, 6, 3, 2, dilation=2), (1, 4, 9), "permute[1,0,2]|flip[2]", "row_major"),
    (Twice(8, 8, 3, padding=1), (1, 8, 9, 9), "flip[2,3]", "row_major"),  # IREE makes wrong numbers of it among zeros
)


class Layers(nn.Module):
    """All of them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layer for layer, *_ in LAYERS)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """One result for each."""
        return tuple(layer(x) for layer, x in zip(self.layers, inputs, strict=True))


def model() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """What `infc compile` is given."""
    torch.manual_seed(0)
    return Layers().eval(), tuple(torch.randn(shape) for _, shape, *_ in LAYERS)


def test_all_kinds_at_once(tmp_path: Path) -> None:
    """Compared with PyTorch by the compiler, with the kernels in 8 bits too, which it then compares as stored."""
    options = CompileOptions(middle=parse_middle("default", "8", None, None), cache=None)
    compile_model(f"{__file__}:model", tmp_path / "out.infc", options)
    with Artifact.open(tmp_path / "out.infc") as artifact:
        target = artifact.config.targets[0]
        weights = {each.key: each.layout for each in target.stages[0].slab.weights}
    assert target.verify
    assert target.verify.stored
    assert max(each.max_rel_error for each in target.verify.stored) < 1e-5
    for number, (_, _, transforms, layout) in enumerate(LAYERS):
        found = {key: each for key, each in weights.items() if key.split("|")[0] == f"layers.{number}.weight"}
        assert any(transforms in key and each == layout for key, each in found.items()), (number, found)
