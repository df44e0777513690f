"""Between ONNX's tensors, numpy's arrays and PyTorch's tensors."""

from typing import Any

import ml_dtypes
import numpy as np
import torch


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """The tensor as numpy has it; bf16 through ml_dtypes."""
    if tensor.dtype == torch.bfloat16:
        return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def to_tensor(value: Any) -> torch.Tensor:
    """A copy of the array as PyTorch has it. Raises TypeError for a dtype that PyTorch lacks."""
    array = np.array(value)
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)
