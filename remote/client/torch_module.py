"""`RemoteModule`: a served model that an application uses as the `nn.Module` it always had.

Imported only where a torch module is wanted, because it imports torch.
"""

from dataclasses import dataclass
from typing import Any, NoReturn, Self

import torch

from infc.errors import InvalidInput, RemoteError

from .model import RemoteModel
from .pointer import Pointer
from .signature import Signature
from .torch_tensors import dtype_of, from_arrays, to_array

DEFAULTS = ("main", "forward")  # which method a call of the module itself means, where there are several

_IN_THE_POOL = "the weights of {name!r} are in the pool at {address}; a remote module has none"
_IN_THE_POOL_HINT = "load the original checkpoint where the weights themselves are needed"


@dataclass(frozen=True)
class RemoteMethod:
    """One entry point of a served model, called like the method that was compiled."""

    remote: RemoteModel
    signature: Signature

    def __post_init__(self) -> None:
        named = sorted(name for each in self.signature.takes for name in each.tree.names())
        served = sorted(tensor.name for tensor in self.remote.inputs)
        returned = sorted(self.signature.returns.names())
        outputs = sorted(tensor.name for tensor in self.remote.outputs)
        if (named, returned) != (served, outputs):
            here, there = (f"{', '.join(a)} -> {', '.join(b)}" for a, b in ((named, returned), (served, outputs)))
            raise RemoteError(
                f"{self.remote.address} serves {self.remote.name!r} as {there}, the pointer says {here}",
                hint="write a new pointer for what is served",
            )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it in the pool; as `RemoteModule.forward`."""
        tensors = self.signature.bind(args, kwargs, model=self.remote.name)
        arrays = {t.name: to_array(t, tensors[t.name], model=self.remote.name) for t in self.remote.inputs}
        device = next((value.device for value in tensors.values()), torch.device("cpu"))
        return self.signature.build(from_arrays(self.remote.infer(arrays), self.remote.outputs, device))


class RemoteModule(torch.nn.Module):
    """A model that runs in a pool and is called like the module that was compiled.

    It takes and returns what `forward` did, nested as it was; an argument that is no tensor has to be the one that the
    model was compiled with. Results come back on the device of the first input. The model's other entry points are
    methods of the same name.
    There are no gradients, no training and no weights here: whatever would need them says so. `to`, `cuda`, `eval` and
    the like change nothing. Copies share the connection; a pickled one reconnects.
    """

    def __init__(self, model: RemoteModel, pointer: Pointer) -> None:
        super().__init__()
        self.training = False
        self.remote = model
        self.pointer = pointer
        self._methods: dict[str, RemoteMethod] = {}
        forward = next((each for each in pointer.methods if each.method in DEFAULTS), None)
        if len(pointer.methods) == 1:
            forward = pointer.methods[0]
        self._forward = None if forward is None else forward.method

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model in the pool.

        Returns:
            What the original `forward` did, with tensors, tuples, lists, dicts and named tuples of the same names; a
            `Record` where the original returned a dataclass, as transformers' models do.

        Raises:
            InvalidInput: an argument that is missing, superfluous, given twice, of another structure, dtype or shape,
                another constant than was compiled in, or a tensor that wants a gradient; or the model was compiled
                without a `forward`.
            RemoteError: of the class that fits, when the pool gives no answer.
        """
        if self._forward is None:
            names = ", ".join(each.method for each in self.pointer.methods)
            raise InvalidInput(
                f"model {self.remote.name!r} was compiled without its forward", hint=f"call one of its methods: {names}"
            )
        return self._method(self._forward)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        pointer = self.__dict__.get("pointer")
        if pointer is not None and any(each.method == name for each in pointer.methods):
            return self._method(name)
        return super().__getattr__(name)

    def __getstate__(self) -> dict[str, Any]:
        # What was looked up is looked up again where it is unpickled.
        return self.__dict__ | {"_methods": {}}

    def _method(self, name: str) -> "RemoteMethod":
        if name not in self._methods:
            signature = next(each for each in self.pointer.methods if each.method == name)
            # Alone, it is what the model's own name stands for, also in a server that knows no methods.
            remote = self.remote if len(self.pointer.methods) == 1 else self.remote.method(name)
            self._methods[name] = RemoteMethod(remote, signature)
        return self._methods[name]

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
