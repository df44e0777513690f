"""Complex arithmetic as arithmetic on pairs of real tensors, which is what torch-mlir and IREE carry.

A complex value inside of the graph becomes two real ones; a complex weight becomes a real one with a last dim of 2. How
an operator works on such pairs is PyTorch's own knowledge (`ComplexTensor`); Fourier transforms are matrix products.
"""

import math
from typing import Any

import torch
from torch._subclasses.complex_tensor import ComplexTensor
from torch.export.graph_signature import InputKind
from torch.fx import Graph, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode

from infc.errors import SourceError

aten = torch.ops.aten
Pair = tuple[Node, Node]


def without_complex(exported: torch.export.ExportedProgram) -> None:
    """Replace every complex value inside of `exported` by two real ones, in place.

    Complex outputs of the program stay, to be refused by the interface. An operator that has no form on pairs raises
    what PyTorch raises for it.

    Raises:
        SourceError: an input of the program is complex.
    """
    graph = exported.graph
    inputs = exported.graph_signature.user_inputs
    for node in graph.find_nodes(op="placeholder"):
        if node.name in inputs and _is_complex(node):
            raise SourceError(
                f"input {node.name!r} has dtype {node.meta['val'].dtype}, which infc does not carry",
                hint="take its real and imaginary parts, in a last dim of 2, and call torch.view_as_complex in forward",
            )
    if not any(_is_complex(node) or _is_fourier(node) for node in graph.nodes):
        return
    pairs = _weights(exported)
    for node in list(graph.nodes):
        if node.op != "call_function" or node in pairs:
            continue
        if _is_complex(node) or any(_is_complex(each) for each in node.all_input_nodes):
            _expand(graph, node, pairs)
    for node in reversed(list(graph.nodes)):
        if node.op == "call_function" and not node.users and (_is_complex(node) or node.meta.get("pair")):
            graph.erase_node(node)
    exported.graph_module.recompile()


def _is_complex(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype.is_complex


def _is_fourier(node: Node) -> bool:
    return "fft" in str(node.target) and node.op == "call_function"


def _weights(exported: torch.export.ExportedProgram) -> dict[Node, Pair]:
    """Complex parameters, buffers and constants, made real in place, and the halves of each."""
    graph, pairs = exported.graph, dict[Node, Pair]()
    placeholders = {node.name: node for node in graph.nodes if node.op == "placeholder"}
    last = list(placeholders.values())[-1] if placeholders else None
    for spec in exported.graph_signature.input_specs:
        if spec.kind == InputKind.USER_INPUT or not _is_complex(node := placeholders[spec.arg.name]):
            continue
        store = exported.state_dict if spec.target in exported.state_dict else exported.constants
        weight: Any = store[str(spec.target)]
        real = torch.view_as_real(weight.detach().resolve_conj()).contiguous()
        store[str(spec.target)] = torch.nn.Parameter(real, False) if spec.kind == InputKind.PARAMETER else real
        node.meta["val"] = torch.view_as_real(node.meta["val"])
        assert last is not None
        with graph.inserting_after(last):
            halves = [graph.call_function(aten.select.int, (node, -1, half)) for half in (1, 0)]
        for half, name in zip(halves, (1, 0), strict=True):
            half.meta["val"] = node.meta["val"].select(-1, name)
        pairs[node] = (halves[1], halves[0])
    return pairs


def _expand(graph: Graph, node: Node, pairs: dict[Node, Pair]) -> None:
    """Put the operator's form on pairs in front of `node`; when that is complex, its users come next."""
    arguments = [each for each in node.all_input_nodes if each in pairs or not _is_complex(each)]
    flat = [half for each in arguments for half in pairs.get(each, (each,))]

    def on_reals(*reals: torch.Tensor) -> list[torch.Tensor]:
        given = iter(reals)
        values = {each: ComplexTensor(next(given), next(given)) if each in pairs else next(given) for each in arguments}
        args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), lambda each: values[each])  # type: ignore[arg-type]
        with _Complex():
            result = node.target(*map(_tensor, node.target._schema.arguments, args), **kwargs)  # type: ignore[union-attr]
        return [result.re, result.im] if isinstance(result, ComplexTensor) else [result]

    traced = make_fx(on_reals)(*(each.meta["val"] for each in flat)).graph
    copies: dict[Node, Node] = dict(zip(traced.find_nodes(op="placeholder"), flat, strict=True))
    with graph.inserting_before(node):
        results = graph.graph_copy(traced, copies)
    for old, new in copies.items():
        if new not in flat:
            new.meta = {**old.meta, "stack_trace": node.meta.get("stack_trace"), "pair": True}
    if len(results) == 2:  # type: ignore[arg-type]
        pairs[node] = (results[0], results[1])  # type: ignore[index]
    else:
        node.replace_all_uses_with(results[0])  # type: ignore[index]
        graph.erase_node(node)


def _tensor(argument: Any, value: Any) -> Any:
    """A number that stands for a tensor as the pair that it is; else it would be a complex constant of the graph."""
    if not isinstance(argument.type, torch.TensorType) or not isinstance(value, int | float | complex):
        return value
    return ComplexTensor(torch.scalar_tensor(complex(value).real), torch.scalar_tensor(complex(value).imag))


class _Complex(TorchDispatchMode):
    """Where real tensors become complex: PyTorch's form on pairs begins with tensors that are pairs already."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is aten._fft_r2c.default:
            return _transform(
                ComplexTensor(args[0], torch.zeros_like(args[0])), args[1], args[2], True, onesided=args[3]
            )
        if func is aten._fft_c2c.default:
            return _transform(*args)
        if func is aten._fft_c2r.default:
            return _inverse_to_real(*args)
        if func is aten.complex.default or func is aten.polar.default:
            first, second = args
            polar = func is aten.polar.default
            return ComplexTensor(first * second.cos(), first * second.sin()) if polar else ComplexTensor(first, second)
        if func is aten.view_as_complex.default:
            return ComplexTensor(args[0].select(-1, 0), args[0].select(-1, 1))
        to = kwargs.get("dtype") or torch.bool
        if func is aten._to_copy.default and to.is_complex and not isinstance(args[0], ComplexTensor):
            real = args[0].to(to.to_real())
            return ComplexTensor(real, torch.zeros_like(real))
        return func(*args, **kwargs)


def _transform(x: Any, dims: list[int], normalization: int, forward: bool, *, onesided: bool = False) -> Any:
    """The discrete Fourier transform over `dims`, as a product with cosines and sines for each."""
    real, imaginary = x.re, x.im
    for dim in dims:
        n = real.shape[dim]
        kept = n // 2 + 1 if onesided and dim == dims[-1] else n
        steps = torch.outer(torch.arange(n), torch.arange(kept)) % n
        angles = steps.double() * ((-2 if forward else 2) * math.pi / n)
        cosine, sine = angles.cos().to(real.dtype), angles.sin().to(real.dtype)
        a, b = real.movedim(dim, -1), imaginary.movedim(dim, -1)
        real, imaginary = ((a @ cosine - b @ sine).movedim(-1, dim), (a @ sine + b @ cosine).movedim(-1, dim))
    count = math.prod(x.re.shape[dim] for dim in dims)
    scale = {0: 1.0, 1: count**-0.5, 2: 1.0 / count}[normalization]
    return ComplexTensor(real * scale, imaginary * scale)


def _inverse_to_real(x: Any, dims: list[int], normalization: int, size: int) -> torch.Tensor:
    """The inverse of a one-sided transform: the missing half is the conjugate of the other."""
    *outer, last = dims
    if outer:
        x = _transform(x, outer, 0, False)
    kept = size // 2 + 1
    k, n = torch.arange(kept), torch.arange(size)
    angles = (torch.outer(k, n) % size).double() * (2 * math.pi / size)
    twice = torch.where((k == 0) | (2 * k == size), 1.0, 2.0).unsqueeze(1).double()
    cosine, sine = (twice * angles.cos()).to(x.re.dtype), (twice * angles.sin()).to(x.re.dtype)
    a, b = (half.movedim(last, -1).narrow(-1, 0, kept) for half in (x.re, x.im))
    count = size * math.prod(x.re.shape[dim] for dim in outer)
    scale = {0: 1.0, 1: count**-0.5, 2: 1.0 / count}[normalization]
    return (a @ cosine - b @ sine).movedim(-1, last) * scale
