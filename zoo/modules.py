"""Modules of torch.nn, and what people build of them."""

from collections.abc import Callable

import torch
from torch import nn

from small import plain

Entry = tuple[nn.Module, tuple[torch.Tensor, ...]]


class Function(nn.Module):
    """A module around a function of its submodules and one tensor."""

    def __init__(self, function: Callable[..., torch.Tensor], *modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(modules)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x, *self.parts)


def noise(*shape: int) -> torch.Tensor:
    torch.manual_seed(9)
    return torch.randn(*shape)


def rnn() -> Entry:
    return plain(nn.RNN(16, 24, num_layers=2, batch_first=True), noise(2, 7, 16))


def lstm() -> Entry:
    return plain(nn.LSTM(16, 24, num_layers=2, batch_first=True), noise(2, 7, 16))


def bilstm() -> Entry:
    return plain(nn.LSTM(16, 24, bidirectional=True), noise(7, 2, 16))


def gru() -> Entry:
    return plain(nn.GRU(16, 24, bidirectional=True), noise(7, 2, 16))


def mlp() -> Entry:
    return plain(nn.Sequential(nn.Linear(20, 50), nn.LayerNorm(50), nn.Mish(), nn.Linear(50, 7)), noise(5, 20))


def convnet() -> Entry:
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3)]
    return plain(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)), noise(2, 3, 16, 16))


def conv1d() -> Entry:
    layers = [nn.Conv1d(4, 8, 5, dilation=2), nn.ELU(), nn.ConvTranspose1d(8, 4, 4, stride=2), nn.AvgPool1d(3)]
    return plain(nn.Sequential(*layers), noise(2, 4, 32))


def conv3d() -> Entry:
    return plain(nn.Sequential(nn.Conv3d(2, 4, 3), nn.BatchNorm3d(4), nn.SiLU(), nn.MaxPool3d(2)), noise(1, 2, 8, 8, 8))


def depthwise() -> Entry:
    layers = [nn.Conv2d(8, 8, 3, groups=8), nn.GroupNorm(2, 8), nn.Hardswish(), nn.Conv2d(8, 16, 1, groups=4)]
    return plain(nn.Sequential(*layers, nn.InstanceNorm2d(16)), noise(2, 8, 12, 12))


def unet() -> Entry:
    def run(x: torch.Tensor, down: nn.Module, up: nn.Module, out: nn.Module) -> torch.Tensor:
        return out(torch.cat([x, up(torch.relu(down(x)))], dim=1))

    down, up = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ConvTranspose2d(8, 5, 4, stride=2, padding=1)
    return plain(Function(run, down, up, nn.Conv2d(8, 2, 1)), noise(1, 3, 16, 16))


def upsampling() -> Entry:
    layers = [nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2), nn.Upsample(scale_factor=2, mode="bilinear")]
    return plain(nn.Sequential(*layers, nn.Upsample(scale_factor=2)), noise(1, 3, 8, 8))


def transformer() -> Entry:
    model = nn.Transformer(32, 4, 2, 2, 64, batch_first=True)
    return plain(model, noise(2, 9, 32), noise(2, 5, 32))


def transformer_encoder() -> Entry:
    layer = nn.TransformerEncoderLayer(32, 4, 64, activation="gelu", norm_first=True, batch_first=True)
    return plain(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), noise(2, 9, 32))


def attention() -> Entry:
    class Self(nn.MultiheadAttention):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:  # type: ignore[override]
            return super().forward(x, x, x, average_attn_weights=False)

    return plain(Self(32, 4, batch_first=True), noise(2, 9, 32))


def causal_attention() -> Entry:
    def run(x: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(x, x.flip(-1), x.cos(), is_causal=True)

    return plain(Function(run), noise(2, 4, 9, 16))


def embedding_bag() -> Entry:
    torch.manual_seed(10)
    return plain(nn.EmbeddingBag(30, 8, mode="mean"), torch.randint(0, 30, (4, 6)))


def complex_rotary() -> Entry:
    """Rotary positions as complex numbers, as the first Llama had them."""
    angles = torch.outer(torch.arange(9.0), 1.0 / 10000 ** (torch.arange(0, 16, 2) / 16))
    turn = torch.polar(torch.ones_like(angles), angles)

    def run(x: torch.Tensor) -> torch.Tensor:
        pairs = torch.view_as_complex(x.reshape(2, 9, 4, 8, 2))
        return torch.view_as_real(pairs * turn[None, :, None, :]).flatten(3)

    return plain(Function(run), noise(2, 9, 4, 16))


def routed_experts() -> Entry:
    """Tokens to their best two of four experts, counted with histc."""

    def run(x: torch.Tensor, gate: nn.Module, *experts: nn.Module) -> torch.Tensor:
        weight, chosen = gate(x).softmax(-1).topk(2, dim=-1)
        load = torch.histc(chosen.float(), bins=4, min=0, max=3)
        parts = [e(x) * (weight * (chosen == i)).sum(-1, keepdim=True) / (1 + load[i]) for i, e in enumerate(experts)]
        return torch.stack(parts).sum(0)

    return plain(Function(run, nn.Linear(16, 4), *(nn.Linear(16, 16) for _ in range(4))), noise(10, 16))


def half() -> Entry:
    return plain(nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 8)).half(), noise(4, 32).half())


def bfloat16() -> Entry:
    layers = nn.Sequential(nn.Linear(32, 64), nn.LayerNorm(64), nn.SiLU(), nn.Linear(64, 8)).bfloat16()
    return plain(layers, noise(4, 32).bfloat16())


def double() -> Entry:
    return plain(nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 3)).double(), noise(4, 12).double())


def ranking() -> Entry:
    """Sorts, cumulative sums and selections."""

    def run(x: torch.Tensor) -> torch.Tensor:
        ordered, where = x.sort(dim=-1, descending=True)
        return ordered.cumsum(-1).gather(-1, where) + x.masked_fill(x < 0, 0.0)

    return plain(Function(run), noise(3, 11))


def masks() -> Entry:
    """Booleans in, integers and booleans out."""

    def run(x: torch.Tensor) -> torch.Tensor:
        return (x.logical_not() | x.flip(0)).sum(-1)

    return plain(Function(run), noise(6, 9) > 0)


def einsum() -> Entry:
    return plain(Function(lambda x: torch.einsum("bhid,bhjd->bhij", x, x).tril().norm(dim=-1)), noise(2, 3, 7, 8))


def bilinear() -> Entry:
    return plain(nn.Bilinear(8, 9, 5), noise(4, 8), noise(4, 9))


def spectral() -> Entry:
    """The magnitudes of a short Fourier transform."""
    return plain(Function(lambda x: torch.fft.rfft(x).abs()), noise(2, 64))
