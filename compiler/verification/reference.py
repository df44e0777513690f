"""What PyTorch answers: as it is, with subnormal numbers flushed to zero, and in double precision."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils._pytree as pytree

from infc.errors import SourceError

from ..doors.reasons import one_line
from ..frontend.export import Program
from ..frontend.interface import flatten_result
from .doubles import in_double_precision
from .ties import in_order_of_places

Tensors = dict[str, torch.Tensor]


class Reference:
    """The source's own module, called with inputs by name; each call gives the outputs by name.

    `before` is called before each of them: it sees to it that the module's weights are there.
    """

    def __init__(self, program: Program, before: Callable[[], None] = lambda: None) -> None:
        self._program = program
        self._before = before
        source = program.source
        self._module: Callable[..., Any] = source.module
        # In the order in which export flattened them too.
        self._leaves, self._tree = pytree.tree_flatten((source.args, dict(source.kwargs)))

    def examples(self) -> Tensors:
        """The source's example inputs that are tensors."""
        tensors = [leaf for leaf in self._leaves if isinstance(leaf, torch.Tensor)]
        return {spec.name: leaf for spec, leaf in zip(self._program.method.inputs, tensors, strict=True)}

    def __call__(self, inputs: Mapping[str, torch.Tensor]) -> Tensors:
        """PyTorch's answer.

        Raises:
            SourceError: it fails on these inputs.
        """
        self._before()
        try:
            with torch.no_grad():
                result = self._call(inputs)
        except (Exception, SystemExit) as error:
            raise SourceError(
                f"{self._program.source.reference} itself fails on inputs like the example: {one_line(error)}",
                hint="give example inputs whose integers span the values that the model takes",
            ) from error
        return self._by_name(result)

    def flushed(self, inputs: Mapping[str, torch.Tensor]) -> Tensors | None:
        """Its answer as on processors and devices that take subnormal numbers for zero; None where this one cannot."""
        # The inputs by hand: not every function of PyTorch's looks at them with arithmetic that flushes.
        zeroed = {name: _without_subnormals(tensor) for name, tensor in inputs.items()}
        with _flushing() as can:
            return self(zeroed) if can else None

    def exact(self, inputs: Mapping[str, torch.Tensor]) -> Tensors | None:
        """Its answer in double precision; None where the model does not run in it."""
        self._before()  # not among what is computed in f64
        try:
            return self._by_name(in_double_precision(lambda: self._call(inputs)))
        except (Exception, SystemExit):  # noqa: BLE001 (the model's own code, which was not written for f64)
            return None

    def in_order(self, inputs: Mapping[str, torch.Tensor]) -> Tensors | None:
        """Its answer where equal values are sorted by their places; None where it sorts nothing."""
        self._before()
        result, sorts = in_order_of_places(lambda: self._call(inputs))
        return self._by_name(result) if sorts else None

    def _call(self, inputs: Mapping[str, torch.Tensor]) -> Any:
        fresh = iter([inputs[spec.name] for spec in self._program.method.inputs])
        leaves = [next(fresh) if isinstance(leaf, torch.Tensor) else leaf for leaf in self._leaves]
        args, kwargs = self._tree.unflatten(leaves)
        return self._module(*args, **kwargs)

    def _by_name(self, result: Any) -> Tensors:
        # Copies: a model may give out a weight, whose memory is freed meanwhile, or what its next call writes to.
        return {name: each.clone() for name, each in flatten_result(result, self._program.method).items()}


def _without_subnormals(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.dtype.is_floating_point:
        return tensor
    return torch.where(tensor.abs() < torch.finfo(tensor.dtype).tiny, torch.zeros_like(tensor).copysign(tensor), tensor)


@contextmanager
def _flushing() -> Generator[bool]:
    """Subnormal numbers are zero, for this thread, which then works alone; whether this processor can do so."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield torch.set_flush_denormal(True)
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
