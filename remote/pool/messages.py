"""What the controller and an executor say to each other: strict msgpack structs, never a pickle.

The controller sends `Attach`, `Infer` and `Release`; for each the executor answers `Attached`, `Result`, `Released` or
`Failed`. The bytes of tensors are no part of these messages: the channel carries them right behind the message that
describes them.
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


class Release(Message, frozen=True):
    """Take chunks of a model out of the page tables. They come back when they are touched."""

    model: str
    chunks: tuple[str, ...]


class Released(Message, frozen=True):
    """Done, as far as the model is attached."""


class Infer(Message, frozen=True):
    """Run a method of an attached model; `tensors` are its inputs."""

    model: str
    method: str
    tensors: tuple[Tensor, ...]


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


class Result(Message, frozen=True):
    """A method's outputs, in the order in which it returns them."""

    tensors: tuple[Tensor, ...]


class Failed(Message, frozen=True):
    """The model or the artifact reported an error. `error` is the name of a class in `infc.errors`."""

    error: str
    message: str
    hint: str


Request = Attach | Infer | Release
Reply = Attached | Result | Released | Failed
