"""Random inputs of a model's kind: what verification feeds to both sides."""

import torch

from ..runtime.artifact import TensorSpec


def draw(spec: TensorSpec, example: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A tensor of the spec's shape and of the example's dtype.

    Floats are normal with the example's mean and deviation; integers are uniform, within the bounds where there are
    any, else over the example's own range; booleans are a fair coin. A mask of ones is drawn as zeros and ones.
    What is not finite in the example does not count.
    """
    shape = spec.shape
    if spec.dtype == "bool":
        return torch.randint(0, 2, shape, generator=generator).bool()
    if example.dtype.is_floating_point:
        finite = example[example.isfinite()].double()  # of NaN or infinities alone nothing could be compared
        spread = finite.std(correction=0).item() if finite.numel() else 0.0
        mean = finite.mean().item() if finite.numel() else 0.0
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        return (noise * (spread or 1.0) + mean).to(example.dtype)
    low, high = _range(spec, example)
    return torch.randint(low, high + 1, shape, generator=generator).to(example.dtype)


def _range(spec: TensorSpec, example: torch.Tensor) -> tuple[int, int]:
    if spec.low is not None and spec.high is not None:
        return spec.low, spec.high
    if not example.numel():
        return 0, 0
    low, high = int(example.min()), int(example.max())
    return (0, 1) if low >= 0 and high == 1 else (low, high)
