"""Small PyTorch models with fixed random weights: factories for `infc compile` and for tests that call PyTorch."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn


def mlp() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """Two linear layers whose sizes are no multiple of a tile; x f32[3, 10] to f32[3, 5]."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 37), nn.GELU(), nn.Linear(37, 5)), (torch.randn(3, 10),)


def twins() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """Two linear layers of one shape; x f32[4, 16] to f32[4, 16]."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16)), (torch.randn(4, 16),)


def wide() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A linear layer with more rows than a tile of the product has; x f32[64, 128] to f32[64, 96]."""
    torch.manual_seed(0)
    return nn.Linear(128, 96), (torch.randn(64, 128),)


class Tagger(nn.Module):
    """An embedding tied to the head, a convolution, a mask, and a mapping as result."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.conv = nn.Conv1d(16, 16, 3, padding=1)
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("scale", torch.linspace(0.5, 1.5, 16), persistent=False)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor | None]:
        """`ids` i64[1, 7], `mask` bool[1, 7]."""
        hidden = self.embed(ids) * mask.unsqueeze(-1) * self.scale
        hidden = self.conv(hidden.transpose(1, 2)).transpose(1, 2)
        logits = self.head(hidden)
        return {"logits": logits, "nothing": None, "best": logits.argmax(-1), "kept": mask}


def tagger() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """A Tagger, with keyword inputs."""
    torch.manual_seed(1)
    return Tagger(), {"ids": torch.randint(0, 50, (1, 7)), "mask": torch.rand(1, 7) > 0.3}


def lookup() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A table of 5 MB, of which a call reads a few rows, and a layer; ids i64[1, 6] to f32[1, 6, 8]."""
    torch.manual_seed(5)
    return nn.Sequential(nn.Embedding(20_000, 64), nn.Linear(64, 8)), (torch.randint(0, 20_000, (1, 6)),)


class Weighted(nn.Module):
    """Parameters that a call may leave out."""

    def forward(
        self, x: torch.Tensor, scale: torch.Tensor | None = None, shift: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`x`, `scale` and `shift` f32[4]."""
        scaled = x if scale is None else x * scale
        return scaled if shift is None else scaled + shift


def unscaled() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """A Weighted that is called without `scale`, its inputs in another order than that of `forward`."""
    return Weighted(), {"shift": torch.ones(4), "x": torch.arange(4.0)}


class Cache(NamedTuple):
    """What a step of a model keeps for the next."""

    k: torch.Tensor
    v: torch.Tensor


@dataclass
class Step:
    """What a Stepper returns."""

    hidden: torch.Tensor
    cache: list[Cache]
    loss: torch.Tensor | None = None


class Stepper(nn.Module):
    """Nested arguments, one that only takes the value that was compiled, and a dataclass as result."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(4, 4)

    def forward(
        self,
        batch: dict[str, torch.Tensor | None],
        cache: list[Cache],
        scale: torch.Tensor | None = None,
        *,
        mode: str = "slow",
    ) -> Step:
        """`batch` has `x` f32[2, 4], `cache` two times f32[2, 4]."""
        x, (old,) = batch["x"], cache
        assert x is not None and scale is None
        hidden = self.mix(x) + (old.k if mode == "fast" else old.v)
        return Step(hidden, [Cache(hidden * 2, old.v + 1)])


def stepper() -> tuple[nn.Module, dict[str, object]]:
    """A Stepper, called with another mode than its default."""
    torch.manual_seed(3)
    batch = {"x": torch.randn(2, 4), "mask": None}
    return Stepper(), {"mode": "fast", "batch": batch, "cache": [Cache(torch.randn(2, 4), torch.randn(2, 4))]}


class Coder(nn.Module):
    """Two entry points over the same weights, and a forward that is both."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(500, 64)
        self.mix = nn.Linear(64, 64)

    def encode(self, ids: torch.Tensor) -> torch.Tensor:
        """`ids` i64[1, 7] to f32[1, 7, 64]."""
        return self.mix(self.embed(ids))

    def decode(self, hidden: torch.Tensor, *, bias: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """`hidden` f32[1, 7, 64]."""
        logits = self.mix(hidden) @ self.embed.weight.T
        return {"logits": logits if bias is None else logits + bias}

    def forward(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """`ids` i64[1, 7]."""
        return self.decode(self.encode(ids))


def coder() -> tuple[nn.Module, dict[str, object]]:
    """A Coder, with example inputs for two of its methods."""
    torch.manual_seed(4)
    return Coder(), {"encode": torch.zeros(1, 7, dtype=torch.int64), "decode": (torch.randn(1, 7, 64),)}


class Pair(nn.Module):
    """Two results, one of which is the input."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`x` f32[4]."""
        return x, x * 2


def pair() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A Pair."""
    return Pair(), (torch.arange(4.0),)


class Namesakes(nn.Module):
    """Two results that have one name once they are flat."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor | tuple[torch.Tensor]]:
        """`x` f32[4]."""
        return {"a_0": x, "a": (x * 2,)}


def namesakes() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A Namesakes."""
    return Namesakes(), (torch.ones(4),)


class Branching(nn.Module):
    """Control flow that depends on values: does not export."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` f32[4]."""
        if x.sum() > 0:
            return x
        return -x


def branching() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A Branching."""
    return Branching(), (torch.ones(4),)


class Orthogonal(nn.Module):
    """An operator that torch-mlir does not lower."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` f32[4, 4]."""
        return torch.linalg.qr(x).R


def orthogonal() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """An Orthogonal."""
    return Orthogonal(), (torch.rand(4, 4),)


class Counting(nn.Module):
    """Changes a buffer of its own on every call."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` f32[4]."""
        self.calls += 1
        return x + self.calls


def counting() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A Counting."""
    return Counting(), (torch.ones(4),)


class Noisy(nn.Module):
    """Draws random numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` f32[4]."""
        return x + torch.rand(4)


def noisy() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A Noisy."""
    return Noisy(), (torch.ones(4),)


def raising() -> None:
    """A factory that fails."""
    raise ValueError("no such checkpoint")


def no_module() -> tuple[int, tuple[int]]:
    """A factory that returns something else."""
    return 3, (1,)


class Indexing(nn.Module):
    """Reads and writes at indices that are computed from data, which no interface can bound."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 4)

    def forward(self, where: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`where` i64[8]."""
        written = torch.zeros(8, 4).index_put((where + 1 - 1,), torch.ones(8, 4))
        return self.table(where // 2), written


def indexing() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """An Indexing."""
    torch.manual_seed(2)
    return Indexing(), (torch.arange(8),)


def normed() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """Convolutions with and without a bias, grouped and not, each with a batch norm behind it; x f32[1, 8, 6, 6]."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(8, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 1),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 8, 3, groups=4, padding=1),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 3, groups=8, bias=False),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 12, 1, stride=2, bias=True),
    )
    for _ in range(3):
        model(torch.randn(4, 8, 6, 6))
    return model, (torch.randn(1, 8, 6, 6),)
