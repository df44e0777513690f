"""`RemoteModule`: a served model that an application uses as the `nn.Module` it always had.

Imported only where a torch module is wanted, because it imports torch.
"""

from collections.abc import Mapping
from typing import Any, NoReturn, Self

import torch

from infc.errors import InvalidInput, RemoteError

from .model import RemoteModel
from .outputs import MappingOutput
from .pointer import Pointer
from .tensors import check_names
from .torch_tensors import dtype_of, from_arrays, to_array

_IN_THE_POOL = "the weights of {name!r} are in the pool at {address}; a remote module has none"
_IN_THE_POOL_HINT = "load the original checkpoint where the weights themselves are needed"


class RemoteModule(torch.nn.Module):
    """A model that runs in a pool and is called like the module that was compiled.

    Arguments are bound by position and by name as `forward` took them; an input behind a parameter that was left out or
    fixed when the model was compiled has no position, only a name. Results come back on the device of the first input.
    There are no gradients, no training and no weights here: whatever would need them says so. `to`, `cuda`, `eval` and
    the like change nothing. Copies share the connection; a pickled one reconnects.
    """

    def __init__(self, model: RemoteModel, pointer: Pointer) -> None:
        super().__init__()
        self.training = False
        self.remote = model
        self.pointer = pointer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model in the pool.

        Returns:
            A tensor, a tuple of tensors, or a `MappingOutput`, as the original `forward` did.

        Raises:
            InvalidInput: an argument that is missing, superfluous, given twice, no tensor, of the wrong dtype or
                shape, or that wants a gradient.
            RemoteError: of the class that fits, when the pool gives no answer.
        """
        bound = self._bind(args, kwargs)
        tensors = {tensor.name: bound[tensor.name] for tensor in self.remote.inputs}
        arrays = {t.name: to_array(t, tensors[t.name], model=self.remote.name) for t in self.remote.inputs}
        device = next((value.device for value in tensors.values()), torch.device("cpu"))
        outputs = from_arrays(self.remote.infer(arrays), self.remote.outputs, device)
        match self.pointer.returns:
            case "tensor":
                return next(iter(outputs.values()))
            case "tuple":
                return tuple(outputs.values())
            case "mapping":
                return MappingOutput(outputs)

    def _bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        names = [tensor.name for tensor in self.remote.inputs]
        if len(args) > len(names):
            raise InvalidInput(
                f"model {self.remote.name!r} takes {len(names)} inputs, {len(args)} positional ones were given",
                hint=f"its inputs are {', '.join(names)}",
            )
        if len(args) > self.pointer.positional:
            # Before these, `forward` has a parameter that is no input: a position means something else there.
            by_name = ", ".join(names[self.pointer.positional :])
            raise InvalidInput(
                f"model {self.remote.name!r} takes {self.pointer.positional} of its inputs by position, "
                f"{len(args)} were given; only by name: {by_name}",
                hint=f"pass by name: {by_name}",
            )
        bound = dict(zip(names, args, strict=False))
        for name in kwargs:
            if name in bound:
                raise InvalidInput(f"input {name!r} of model {self.remote.name!r} was given by position and by name")
        bound.update(kwargs)
        check_names(bound, self.remote.inputs, model=self.remote.name)
        return bound

    def train(self, mode: bool = True) -> Self:
        """`train(False)` is `eval()`; `train()` raises `RemoteError`."""
        if mode:
            raise RemoteError(
                f"{self.remote.name!r} runs in a pool and cannot be trained",
                hint="train the original module, compile it, and write the pointer again",
            )
        return super().train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """`requires_grad_(False)` changes nothing; `requires_grad_()` raises `RemoteError`."""
        return self.train() if requires_grad else self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Changes nothing; a dtype other than the compiled one raises `RemoteError`."""
        for value in (*args, *kwargs.values()):
            if isinstance(value, (torch.dtype, torch.Tensor)):
                self._check_precision(value.dtype if isinstance(value, torch.Tensor) else value)
        return self

    def type(self, dst_type: Any) -> Self:
        """As `to`."""
        return self.to(dst_type)

    def half(self) -> Self:
        """As `to(torch.float16)`."""
        return self.to(torch.float16)

    def bfloat16(self) -> Self:
        """As `to(torch.bfloat16)`."""
        return self.to(torch.bfloat16)

    def float(self) -> Self:
        """As `to(torch.float32)`."""
        return self.to(torch.float32)

    def double(self) -> Self:
        """As `to(torch.float64)`."""
        return self.to(torch.float64)

    def _check_precision(self, dtype: torch.dtype) -> None:
        for tensor in self.remote.outputs:
            found = dtype_of(tensor)
            if found.is_floating_point and found is not dtype:
                raise RemoteError(
                    f"{self.remote.name!r} cannot become {dtype}: it was compiled to return {tensor}",
                    hint="compile the module in that precision, or convert its results",
                )

    def _no_weights(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RemoteError(
            _IN_THE_POOL.format(name=self.remote.name, address=self.remote.address), hint=_IN_THE_POOL_HINT
        )

    # An empty answer would be a wrong one: an optimizer without parameters, a checkpoint without weights.
    state_dict = load_state_dict = _no_weights
    parameters = named_parameters = get_parameter = _no_weights
    buffers = named_buffers = get_buffer = _no_weights

    def extra_repr(self) -> str:
        """Name, pool, and the inputs and outputs with dtypes and shapes."""
        inputs = ", ".join(map(str, self.remote.inputs))
        outputs = ", ".join(map(str, self.remote.outputs))
        return f"{self.remote.name!r} at {self.remote.address}: ({inputs}) -> ({outputs})"
