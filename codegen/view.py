"""What the templates see of an artifact: names that are safe in code, and text that filters still have to quote."""

import keyword
from dataclasses import dataclass

import msgspec

from infc.errors import ArtifactError

from ..runtime.artifact import interface_digest
from ..runtime.artifact import signature as sig
from .annotations import ClassView
from .method_view import MethodView, method_views
from .names import class_name, identifier
from .proto_view import ProtoView, proto_view
from .service import Service


@dataclass(frozen=True)
class ClientView:
    """One of the two client classes: what differs between the blocking and the asyncio one."""

    class_name: str
    verb: str
    channel: str
    prefix: str
    letter: str


@dataclass(frozen=True)
class PointerMethod:
    """A method as a pointer file has it: plain lists and values. `shapes` are those of the inputs that name a dim."""

    name: str
    takes: list[object]
    returns: list[object]
    dims: list[tuple[str, int, int]]
    shapes: list[tuple[str, tuple[int | str, ...]]]


@dataclass(frozen=True)
class ModelView:
    """One model: `package` and `class_name` are Python names, `name` is the artifact's own text."""

    name: str
    package: str
    class_name: str
    interface: str
    methods: tuple[MethodView, ...]
    classes: tuple[ClassView, ...]
    pointer: tuple[PointerMethod, ...]
    proto: ProtoView

    @property
    def sync(self) -> ClientView:
        """The blocking client."""
        return ClientView(self.class_name, "block", "grpc.insecure_channel", "", "")

    @property
    def asynchronous(self) -> ClientView:
        """The asyncio client."""
        return ClientView(f"Async{self.class_name}", "are awaited", "grpc.aio.insecure_channel", "async ", "a")

    @property
    def exported(self) -> list[str]:
        """The package's public names, sorted."""
        names = [self.sync.class_name, self.asynchronous.class_name]
        return sorted([*names, *(each.name for each in self.classes)])

    @property
    def imports(self) -> list[str]:
        """What the client module takes from `typing`, sorted."""
        text = " ".join(each.annotation for one in self.methods for each in one.arguments)
        text += " ".join(one.result for one in self.methods)
        text += " ".join(each.annotation for one in self.classes for each in one.fields)
        bases = {each.base for each in self.classes} - {"Record"}
        return sorted({"Self", *bases, *(["Any"] if "Any]" in text else [])})

    def has(self, base: str) -> bool:
        """Whether there is a class of that kind."""
        return any(each.base == base for each in self.classes)


def view(service: Service, package: str | None) -> ModelView:
    """What the templates need to know of an artifact.

    Args:
        service: what its `rpc` module says.
        package: name of the Python package; made from the model's name when None.

    Raises:
        ArtifactError: its name cannot be written in a pointer, or `package` is no name for a package.
    """
    if not service.name.isprintable():
        raise ArtifactError(
            f"the model's name {service.name!r} has characters that cannot be printed",
            hint="compile the model again under a plain --name",
        )
    if package is not None and (not package.isidentifier() or keyword.iskeyword(package)):
        raise ArtifactError(f"{package!r} is no name for a Python package", hint="--package my_model_client")
    stem = class_name(service.name)
    methods, classes = method_views(service.name, stem, service.methods)
    return ModelView(
        name=service.name,
        package=package or f"{identifier(service.name, fallback='model').lower().rstrip('_')}_client",
        class_name=stem,
        interface=interface_digest(service.interface),
        methods=methods,
        classes=classes,
        pointer=tuple(
            PointerMethod(
                each.name,
                msgspec.to_builtins(each.takes),
                _plain(each.returns),
                [(dim.name, dim.low, dim.high) for dim in each.dims],
                [(spec.name, spec.shape) for spec in each.inputs if any(isinstance(size, str) for size in spec.shape)],
            )
            for each in service.interface.methods
        ),
        proto=proto_view(service.served, front=service.pool is not None),
    )


def _plain(tree: sig.Tree) -> list[object]:
    return msgspec.to_builtins(tree)
