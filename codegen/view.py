"""What the templates see of an artifact: names that are safe in code, and text that filters still have to quote."""

import keyword
from dataclasses import dataclass
from typing import Literal

from infc.errors import ArtifactError

from ..runtime.artifact import Config, Dim, TensorSpec, interface_digest
from .names import class_name, identifier, unique

# infc's dtype: the protocol's, numpy's scalar type, numpy's dtype as text. numpy has no bfloat16.
_DTYPES = {
    "f64": ("FP64", "float64", "<f8"),
    "f32": ("FP32", "float32", "<f4"),
    "f16": ("FP16", "float16", "<f2"),
    "bf16": ("BF16", "uint16", "<u2"),
    "i64": ("INT64", "int64", "<i8"),
    "i32": ("INT32", "int32", "<i4"),
    "i16": ("INT16", "int16", "<i2"),
    "i8": ("INT8", "int8", "|i1"),
    "u8": ("UINT8", "uint8", "|u1"),
    "bool": ("BOOL", "bool_", "|b1"),
}


@dataclass(frozen=True)
class TensorView:
    """One input or output: `argument` is its name in Python, `name` the one on the wire."""

    argument: str
    name: str
    dtype: str
    shape: tuple[int | str, ...]
    low: int | None
    high: int | None

    @property
    def datatype(self) -> str:
        """The protocol's name of the dtype."""
        return _DTYPES[self.dtype][0]

    @property
    def scalar(self) -> str:
        """numpy's scalar type."""
        return _DTYPES[self.dtype][1]

    @property
    def numpy(self) -> str:
        """numpy's dtype, as text."""
        return _DTYPES[self.dtype][2]

    @property
    def describe(self) -> str:
        """Dtype, shape and bounds for a docstring: `i64[1, 128], values 0 to 30521.`"""
        text = f"{self.dtype}[{', '.join(map(str, self.shape))}]"
        if self.dtype == "bf16":
            text += " as bit patterns"
        if self.low is not None or self.high is not None:
            low, high = ("?" if bound is None else bound for bound in (self.low, self.high))
            text += f", values {low} to {high}"
        return text + "."


@dataclass(frozen=True)
class ClientView:
    """One of the two client classes: what differs between the blocking and the asyncio one."""

    class_name: str
    verb: str
    channel: str
    prefix: str
    letter: str


@dataclass(frozen=True)
class ModelView:
    """One model: `package`, `class_name` and `method` are Python names, `name` is the artifact's own text.

    The first `positional` inputs may be given by position.
    """

    name: str
    package: str
    class_name: str
    method: str
    interface: str
    returns: Literal["tensor", "tuple", "mapping"]
    inputs: tuple[TensorView, ...]
    positional: int
    outputs: tuple[TensorView, ...]
    dims: tuple[Dim, ...]

    @property
    def several(self) -> bool:
        """Whether the result is a dataclass rather than one array."""
        return self.returns != "tensor"

    @property
    def call(self) -> str:
        """The arguments of a call, in variables of the same names."""
        names = [tensor.argument for tensor in self.inputs]
        return ", ".join(names[: self.positional] + [f"{name}={name}" for name in names[self.positional :]])

    @property
    def outputs_name(self) -> str:
        """The dataclass of the outputs."""
        return f"{self.class_name}Outputs"

    @property
    def result(self) -> str:
        """The annotation of what the method returns."""
        return self.outputs_name if self.several else f"NDArray[np.{self.outputs[0].scalar}]"

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
        return sorted([*names, self.outputs_name] if self.several else names)


def view(config: Config, package: str | None) -> ModelView:
    """What the templates need to know of an artifact.

    Args:
        config: what the artifact says about itself.
        package: name of the Python package; made from the model's name when None.

    Raises:
        ArtifactError: it has several entry points, its name cannot be written in a pointer, or `package` is no name
            for a package.
    """
    if len(config.interface.methods) != 1:
        names = ", ".join(method.name for method in config.interface.methods)
        raise ArtifactError(f"{config.name!r} has the entry points {names}; a client can be written for one only")
    if not config.name.isprintable():
        raise ArtifactError(f"the model's name {config.name!r} has characters that cannot be printed")
    if package is not None and (not package.isidentifier() or keyword.iskeyword(package)):
        raise ArtifactError(f"{package!r} is no name for a Python package", hint="--package my_model_client")
    method = config.interface.methods[0]
    return ModelView(
        name=config.name,
        package=package or f"{identifier(config.name, fallback='model').lower().rstrip('_')}_client",
        class_name=class_name(config.name),
        # `main` is what the compiler calls the one entry point; in Python a model's is `forward`.
        method="forward" if method.name == "main" else identifier(method.name, fallback="method"),
        interface=interface_digest(config.interface),
        returns=method.returns,
        inputs=_tensors(method.inputs, "input"),
        positional=method.positional,
        outputs=_tensors(method.outputs, "output"),
        dims=method.dims,
    )


def _tensors(specs: tuple[TensorSpec, ...], fallback: str) -> tuple[TensorView, ...]:
    arguments = unique((spec.name for spec in specs), fallback=fallback)
    return tuple(
        TensorView(argument, spec.name, spec.dtype, spec.shape, spec.low, spec.high)
        for argument, spec in zip(arguments, specs, strict=True)
    )
