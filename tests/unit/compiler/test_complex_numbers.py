"""Complex arithmetic on pairs of real tensors gives PyTorch's numbers, and leaves nothing complex in the graph."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from infc.compiler.frontend.complex_numbers import without_complex
from infc.errors import SourceError


class Function(nn.Module):
    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function
        self.turn: torch.Tensor
        self.register_buffer("turn", torch.polar(torch.ones(6, 8), torch.randn(6, 8)))
        self.scale = nn.Parameter(torch.randn(8, dtype=torch.complex64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self, x)


def rotary(m: Function, x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_real(torch.view_as_complex(x.reshape(3, 6, 8, 2)) * m.turn * m.scale).flatten(2)


@pytest.mark.parametrize(
    "function",
    [
        rotary,
        lambda m, x: torch.fft.fftn(x, dim=(1, 2)).real,
        lambda m, x: torch.fft.rfft(x, norm="ortho").abs(),
        lambda m, x: torch.fft.rfft2(x).imag,
        lambda m, x: torch.fft.irfft(torch.fft.rfft(x) * 2, n=16),
        lambda m, x: torch.fft.irfft2(torch.fft.rfft2(x)),
        lambda m, x: torch.fft.ifft(torch.complex(x, x.cos())).angle(),
        lambda m, x: (torch.polar(x, x)[:, 1:].transpose(1, 2) / (1 + 2j)).reshape(-1).real,
    ],
)
def test_numbers_are_those_of_pytorch(function: Callable[..., torch.Tensor]) -> None:
    torch.manual_seed(0)
    module, x = Function(function).eval(), torch.randn(3, 6, 16)
    with torch.no_grad():
        expected = module(x)
        exported = torch.export.export(module, (x,))
        without_complex(exported)
        exported = exported.run_decompositions({})
        found = exported.module()(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    values = [node.meta.get("val") for node in exported.graph.nodes]
    assert not any(value.dtype.is_complex for value in values if isinstance(value, torch.Tensor))


@pytest.mark.parametrize("function", [lambda m, x: x.real, lambda m, x: torch.view_as_real(x * m.scale)])
def test_a_complex_input_is_refused_by_name(function: Callable[..., torch.Tensor]) -> None:
    exported = torch.export.export(Function(function).eval(), (torch.randn(3, 8, dtype=torch.complex64),))
    with pytest.raises(SourceError, match="input 'x' has dtype torch") as caught:
        without_complex(exported)
    assert "view_as_complex" in caught.value.hint
