"""One method of a model as the generated code has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from ..runtime.artifact import Dim
from ..runtime.artifact import signature as sig
from .annotations import Annotations, ClassView
from .names import class_name, method_names, plain, unique
from .service import ServiceMethod
from .tensor_view import TensorView, tensor_views

MARK = ":"  # between a model's name and its method's, on the wire (remote/oip/keys.py; a test compares)


@dataclass(frozen=True)
class ArgumentView:
    """One argument: its name in Python, its type, and lines about the tensors in it."""

    argument: str
    annotation: str
    describe: str


@dataclass(frozen=True)
class MethodView:
    """One method: `name` in Python, `constant` for what is known of it, `model` on the wire.

    The first `positional` arguments may be given by position. `takes` and `returns` are trees of literals.
    """

    name: str
    constant: str
    model: str
    inputs: tuple[TensorView, ...]
    outputs: tuple[TensorView, ...]
    arguments: tuple[ArgumentView, ...]
    positional: int
    result: str
    takes: object
    returns: object
    dims: tuple[Dim, ...]
    doc: str
    buckets: tuple[dict[str, int], ...]

    @property
    def call(self) -> str:
        """The arguments of a call, in variables of the same names."""
        names = [each.argument for each in self.arguments]
        return ", ".join(names[: self.positional] + [f"{name}={name}" for name in names[self.positional :]])

    @property
    def given(self) -> str:
        """The arguments as the items of a tuple."""
        names = [each.argument for each in self.arguments]
        return f"{names[0]}," if len(names) == 1 else ", ".join(names)


def method_views(
    model: str, stem: str, methods: Sequence[ServiceMethod]
) -> tuple[tuple[MethodView, ...], tuple[ClassView, ...]]:
    """The methods of a model, and the classes that they take and return. `stem` is the client class's name."""
    taken = {stem, f"Async{stem}"}
    classes: list[ClassView] = []
    # `main` is what the compiler calls the one entry point; in Python a model's is `forward`.
    names = method_names("forward" if each.name == "main" else each.name for each in (one.method for one in methods))
    constants = unique((name.upper() for name in names), fallback="METHOD")
    views: list[MethodView] = []
    for method, name, constant in zip(methods, names, constants, strict=True):
        own = stem if len(methods) == 1 else f"{stem}{class_name(name)}"
        wire = model if len(methods) == 1 else f"{model}{MARK}{method.method.name}"
        views.append(_method(method, name, f"_{constant}", wire, own, taken, classes))
    return tuple(views), tuple(classes)


def _method(
    described: ServiceMethod,
    name: str,
    constant: str,
    wire: str,
    stem: str,
    taken: set[str],
    classes: list[ClassView],
) -> MethodView:
    method = described.method
    inputs, outputs = tensor_views(method.inputs, "input"), tensor_views(method.outputs, "output")
    given = Annotations({each.name: each for each in inputs}, f"{stem}Inputs", taken)
    returned = Annotations({each.name: each for each in outputs}, f"{stem}Outputs", taken)
    # What is compiled in is no argument of this client.
    takes = [each for each in method.takes if any(sig.tensors(each.tree))]
    arguments = tuple(
        ArgumentView(argument, given.of(each.tree), _describe(each.tree, given))
        for argument, each in zip(unique((each.name for each in takes), fallback="input"), takes, strict=True)
    )
    result = returned.of(method.returns)
    classes += [*given.classes, *returned.classes]
    return MethodView(
        name=name,
        constant=constant,
        model=wire,
        inputs=inputs,
        outputs=outputs,
        arguments=arguments,
        positional=sum(1 for _ in takewhile(lambda each: each.kind != "keyword" and each in takes, method.takes)),
        result=result,
        takes=tuple((each.name, given.literal(each.tree)) for each in takes),
        returns=returned.literal(method.returns),
        dims=method.dims,
        doc=described.doc,
        buckets=described.buckets,
    )


def _describe(tree: sig.Tree, annotations: Annotations) -> str:
    if isinstance(tree, sig.Tensor):
        return annotations.tensors[tree.name].describe
    said = (f"{plain(name)} {annotations.tensors[name].describe}".rstrip(".") for name in sig.tensors(tree))
    return f"{'; '.join(said)}."
