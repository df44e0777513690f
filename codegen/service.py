"""What an `rpc` module says: the interface of a model, with what its typed service adds to it."""

from dataclasses import dataclass
from typing import Literal

from ..runtime.artifact import Interface, Method

Side = Literal["inputs", "outputs"]


@dataclass(frozen=True)
class Fields:
    """The protobuf fields of a method's inputs or outputs.

    `numbers` are in the order of the inputs or outputs; `reserved` are numbers and names of fields that an earlier
    version had, by number.
    """

    numbers: tuple[int, ...]
    reserved: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class ServiceMethod:
    """One method: its interface, a text about it (may be empty), its buckets and the fields of its two messages.

    A bucket has the sizes that the model was compiled for, by the dims' names.
    """

    method: Method
    inputs: Fields
    outputs: Fields
    doc: str = ""
    buckets: tuple[dict[str, int], ...] = ()

    def fields(self, side: Side) -> Fields:
        """The fields of one side."""
        return self.inputs if side == "inputs" else self.outputs


@dataclass(frozen=True)
class Service:
    """A model as its callers know it: `name` is the one that a pool serves it under.

    Where its first stages run in the application, `pool` is what a pool serves of it: methods of the same names, which
    take what those stages give.
    """

    name: str
    methods: tuple[ServiceMethod, ...]
    pool: "Service | None" = None

    @property
    def served(self) -> "Service":
        """What a pool serves: all of it, or its part."""
        return self.pool or self

    @property
    def interface(self) -> Interface:
        """The interface, whose digest a pool compares."""
        return Interface(methods=tuple(each.method for each in self.methods))


def numbered(name: str, interface: Interface) -> Service:
    """The service of an interface that has no earlier version: fields are numbered from 1, in their order."""
    methods = tuple(
        ServiceMethod(method, _in_order(len(method.inputs)), _in_order(len(method.outputs)))
        for method in interface.methods
    )
    return Service(name, methods)


def _in_order(count: int) -> Fields:
    return Fields(tuple(range(1, count + 1)))
