"""What a traced model is, as one digest: its graph, its weights, its example inputs."""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree

from infc.errors import SourceError

from ..frontend.arguments import takes
from ..frontend.dtypes import TORCH_DTYPES
from ..frontend.export import Traced
from ..frontend.interface import returns_of
from ..frontend.source import Source
from ..slab.digests import Digests
from .cache import key_of

_OWN = {"module", "args", "kwargs", "exported", "onnx"}  # of a source: what is looked at closely, below


def contents_of(programs: Sequence[Traced], digests: Digests) -> str | None:
    """The digest of a model's traced programs; None where one holds something that has no contents to compare."""
    try:
        return key_of([key_of(list(_parts(traced, digests))) for traced in programs])
    except (RuntimeError, NotImplementedError, TypeError, ValueError, SourceError):  # sparse, quantized: no plain bytes
        return None


def state_of(sources: Sequence[Source]) -> Iterator[torch.Tensor]:
    """The tensors that the sources' modules hold by name, to be hashed ahead."""
    for source in sources:
        if isinstance(source.module, torch.nn.Module):
            yield from source.module.parameters()
            yield from source.module.buffers()


def tensors_of(traced: Traced) -> dict[str, torch.Tensor]:
    """The tensors of a traced program by name; none of a graph of ONNX, whose weights are read with it."""
    exported: Any = traced.exported
    if traced.source.onnx is not None:
        return {}
    held = {**exported.state_dict, **exported.constants}
    return {name: value for name, value in sorted(held.items()) if isinstance(value, torch.Tensor)}


def _parts(traced: Traced, digests: Digests) -> Iterator[str]:
    source = traced.source
    for field in dataclasses.fields(source):
        if field.name not in _OWN:
            yield f"{field.name}={getattr(source, field.name)!r}"
    yield source.doc
    yield repr(traced.asked)
    leaves, tree = pytree.tree_flatten((source.args, dict(source.kwargs)))
    yield str(tree)
    yield from (_digest(leaf, digests) if isinstance(leaf, torch.Tensor) else repr(leaf) for leaf in leaves)
    if source.onnx is not None:
        yield hashlib.sha256(source.onnx.model.SerializeToString(deterministic=True)).hexdigest()
        yield repr(getattr(traced.exported, "method", None))
        return
    exported: Any = traced.exported
    yield f"{takes(source)} {returns_of(exported)}"
    yield f"{exported.graph_signature} {exported.range_constraints} {exported.call_spec}"
    for name, part in exported.graph_module.named_modules():
        if isinstance(part, torch.fx.GraphModule):
            yield f"{name}: {part.graph}"
            yield from (f"{node.name}: {node.meta.get('val')!r}" for node in part.graph.nodes)
    for name, value in sorted({**exported.state_dict, **exported.constants}.items()):
        yield f"{name}={_digest(value, digests) if isinstance(value, torch.Tensor) else repr(value)}"


def _digest(tensor: torch.Tensor, digests: Digests) -> str:
    if tensor.dtype in TORCH_DTYPES:
        return f"{tensor.stride()} {digests.of(tensor)}"
    plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return f"{tensor.dtype} {tuple(tensor.shape)} {tensor.stride()} {hashlib.sha256(bytes(plain.numpy())).hexdigest()}"
