"""A model with two entry points, a nested state and a dataclass as result.

infc compile examples/signatures.py:counter --method start --method step -o counter.infc
infc codegen counter.infc -o client --pointer counter.pt
infc serve counter.infc

counter = infc.load("counter.pt")
state = counter.start(tokens)
answer = counter.step(token, state)      # answer.logits, answer.state.hidden
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn


class State(NamedTuple):
    """What one step leaves for the next: both f32[1, 64]."""

    hidden: torch.Tensor
    cell: torch.Tensor


@dataclass
class Answer:
    """What a step returns."""

    logits: torch.Tensor
    state: State


class Counter(nn.Module):
    """A recurrent network that reads tokens at once, or one at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 64)
        self.cell = nn.LSTMCell(64, 64)
        self.head = nn.Linear(64, 100)

    def start(self, tokens: torch.Tensor) -> State:
        """`tokens` i64[1, 8]."""
        state = State(torch.zeros(1, 64), torch.zeros(1, 64))
        for token in tokens.unbind(1):
            state = self.step(token, state).state
        return state

    def step(self, token: torch.Tensor, state: State) -> Answer:
        """`token` i64[1]."""
        hidden, cell = self.cell(self.embed(token), state)
        return Answer(self.head(hidden), State(hidden, cell))


def counter() -> tuple[nn.Module, dict[str, object]]:
    """The model, and example inputs for each of its methods."""
    torch.manual_seed(0)
    tokens = torch.arange(8).reshape(1, 8)
    state = State(torch.randn(1, 64), torch.randn(1, 64))
    return Counter(), {"start": (tokens,), "step": (tokens[:, 0], state)}
