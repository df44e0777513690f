"""The two small models that `walkthrough.py` takes through the passes."""

import torch
from torch.nn import functional


class Model(torch.nn.Module):
    """A table of tokens and two linear layers; what they start with does not matter."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(32, 16)
        self.up, self.down = torch.nn.Linear(16, 16), torch.nn.Linear(16, 8)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """From i64[4] to f32[4, 8]."""
        return self.down(torch.sin(self.up(self.table(ids))))


class Corners(torch.nn.Module):
    """What the first model has nothing of."""

    def __init__(self) -> None:
        super().__init__()
        self.point, self.norm = torch.nn.Conv2d(2, 4, 1), torch.nn.BatchNorm2d(4)
        self.patch = torch.nn.Conv2d(4, 4, 8, stride=8)
        self.up = torch.nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.many = torch.nn.ParameterList(torch.rand(4) for _ in range(26))
        self.left, self.right = torch.nn.Linear(4, 16, bias=False), torch.nn.Linear(4, 16, bias=False)
        self.nothing = torch.nn.Parameter(torch.zeros(0, 4))
        for each in self.norm.state_dict().values():  # equal weights would be one
            each.copy_(torch.rand(each.shape))

    def forward(self, image: torch.Tensor, at: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """From f32[1, 2, 40, 40] and i64[1, 3] to several."""
        row = self.up(self.patch(self.norm(self.point(image)))).mean((0, 2, 3))
        for each in self.many:  # more tensors than one dispatch takes
            row = row * each
        both = torch.tanh(self.left(row.reshape(1, 4))) * self.right(row.reshape(1, 4))
        placed = (row.abs() ** row).reshape(1, 4).scatter(1, at, row[:3].reshape(1, 3))
        _, order = torch.sort(row)
        return placed, both, order, torch.tanh(row.double()), self.many[0], functional.relu(self.nothing)
