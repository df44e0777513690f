"""The sha256 of tensors, each computed once a compile, and while PyTorch still traces the model."""

import hashlib
from collections.abc import Generator, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ..frontend.dtypes import TORCH_DTYPES

# Elements are moved, never computed with: an integer of the same width stands for those that numpy has no dtype for.
_CARRIERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def elements(tensor: torch.Tensor) -> np.ndarray:
    """The tensor's elements in C order, in a carrier dtype; not copied where they lie so already."""
    flat = tensor.detach().cpu().contiguous()
    # Not `numpy()`: PyTorch takes memory that it gave to numpy for fixed, and `Aside` could not free it any more.
    return np.from_dlpack(flat.view(_CARRIERS[flat.element_size()]))


class Digests:
    """The digests of the tensors that one compile looks at."""

    def __init__(self) -> None:
        # By where the elements lie; the tensor is kept with its digest, so that no other comes to lie there.
        self._known: dict[Hashable, tuple[Future[str], torch.Tensor]] = {}

    def of(self, tensor: torch.Tensor) -> str:
        """The digest of dtype, shape and contents; `tensor` has a dtype that infc carries."""
        known = self._known.get(_identity(tensor))
        if known is not None:
            return known[0].result()
        done: Future[str] = Future()
        done.set_result(_digest(tensor))
        self._known[_identity(tensor)] = done, tensor
        return done.result()

    @contextmanager
    def ahead(self, tensors: Iterable[torch.Tensor]) -> Generator[None]:
        """Hash `tensors`, in a thread, for as long as the block runs; what is left then is not begun any more."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="infc-hash")
        begun: list[Hashable] = []
        try:
            for tensor in tensors:
                if tensor.dtype not in TORCH_DTYPES or tensor.layout is not torch.strided:
                    continue  # no weight of a model that compiles
                identity = _identity(tensor)
                if identity not in self._known:
                    self._known[identity] = thread.submit(_digest, tensor), tensor
                    begun.append(identity)
            yield
        finally:
            thread.shutdown(cancel_futures=True)
            for identity in begun:
                if self._known[identity][0].cancelled():
                    del self._known[identity]


def _identity(tensor: torch.Tensor) -> Hashable:
    # A tensor that is written to later is another one.
    version: Any = None if tensor.is_inference() else tensor._version
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.device, version


def _digest(tensor: torch.Tensor) -> str:
    shape = "x".join(map(str, tensor.shape))
    digest = hashlib.sha256(f"{TORCH_DTYPES[tensor.dtype]}[{shape}]".encode())
    digest.update(np.ascontiguousarray(elements(tensor)).reshape(-1).view(np.uint8).data)
    return f"sha256:{digest.hexdigest()}"
