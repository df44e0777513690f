"""What the controller and an executor say to each other: strict msgpack structs, never a pickle.

The controller sends `Attach`, `Infer` and `Release`; for each the executor answers `Attached`, `Result`, `Released` or
`Failed` with the same `number`, in any order; `Cancel` has no answer of its own. The bytes of tensors are no part of
these messages: the channel carries them right behind the message that describes them.
"""

import math

import msgspec

from ..oip import by_name


class Message(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Base of all messages."""


class Tensor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One tensor whose elements follow the message: little-endian, row-major, without padding.

    `dtype` is infc's name (`f32`), `shape` is in elements.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Length in bytes.

        Raises:
            ValueError: the dtype is unknown or a dimension negative.
        """
        info = by_name(self.dtype)
        if info is None or any(dim < 0 for dim in self.shape):
            raise ValueError(f"no such tensor: {self.dtype} {self.shape}")
        return math.prod(self.shape) * info.size


class Attach(Message, frozen=True):
    """Load a model under its name. The artifact at `path` must have the manifest digest `digest`.

    With `stored`, `path` is a store and `stored` the model's name there. `load`: read its weights into memory.
    With `slots` they are mapped from an arena, whose descriptor comes over the handover socket: a slot for each chunk
    of each stage's slab, in their order.
    """

    model: str
    path: str
    digest: str
    target: str
    stored: str = ""
    load: bool = True
    slots: tuple[int, ...] = ()
    number: int = 0


class Release(Message, frozen=True):
    """Take chunks of a model out of the page tables. They come back when they are touched."""

    model: str
    chunks: tuple[str, ...]
    number: int = 0


class Released(Message, frozen=True):
    """Done, as far as the model is attached."""

    number: int = 0


class Infer(Message, frozen=True):
    """Run a method of an attached model; `tensors` are its inputs."""

    model: str
    method: str
    tensors: tuple[Tensor, ...]
    number: int = 0


class Cancel(Message, frozen=True):
    """Nobody waits for the call `number` any more: it is left out by the stages that it has not reached.

    The call is answered in either case, with its outputs or as failed; one that was answered already is nothing to
    cancel.
    """

    number: int


class Handover(Message, frozen=True):
    """Over the handover socket, with the descriptor of the executor's page faults: where it has mapped which slots.

    `first` is the place of the first of `count` slots in the `Attach` of the model.
    """

    model: str
    first: int
    count: int
    address: int


class Attached(Message, frozen=True):
    """The model is ready after `seconds`."""

    model: str
    seconds: float
    number: int = 0


class Result(Message, frozen=True):
    """A method's outputs, in the order in which it returns them."""

    tensors: tuple[Tensor, ...]
    number: int = 0


class Failed(Message, frozen=True):
    """The model or the artifact reported an error. `error` is the name of a class in `infc.errors`."""

    error: str
    message: str
    hint: str
    number: int = 0


Request = Attach | Infer | Release | Cancel
Reply = Attached | Result | Released | Failed
