"""A served model as a function from arrays to arrays; no torch is needed for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from infc.errors import RemoteError

from ..oip import keys, messages
from .address import Endpoint, choose
from .connection import Connection
from .dims import Dims
from .pointer import Front, Pointer, Source, read_pointer
from .settings import Settings
from .tensors import Array, Tensor, check_names, from_metadata, from_wire, to_wire

if TYPE_CHECKING:
    from .front import LocalFront


@dataclass(frozen=True)
class Expectation:
    """The model that the caller means: its name and, where known, the digests of its artifact and interface.

    A server that says no digests (another implementation of the protocol) is taken at its word. `dims` are those of the
    methods, by their names, the first first; none where they are not known.
    """

    name: str
    digest: str | None = None
    interface: str | None = None
    dims: Mapping[str, Dims] = field(default_factory=dict[str, Dims])

    @property
    def method(self) -> str | None:
        """The entry point that the name means; None for the model's first."""
        return self.name.partition(keys.METHOD_MARK)[2] or None

    @property
    def own_dims(self) -> Dims:
        """The dims of the method that the name means."""
        first = next(iter(self.dims.values()), Dims())
        return first if self.method is None else self.dims.get(self.method, Dims())

    def check(self, metadata: Mapping[str, str], address: str) -> None:
        """Compare with what an answer's metadata says.

        Raises:
            RemoteError: another model, or another version of it, answers to that name.
        """
        for key, wanted, thing in (
            (keys.INTERFACE_DIGEST, self.interface, "with the interface"),
            (keys.MODEL_DIGEST, self.digest, "as"),
        ):
            served = metadata.get(key)
            if wanted is not None and served is not None and served != wanted:
                raise RemoteError(
                    f"{address} serves {self.name!r} {thing} {served}, expected was {wanted}",
                    hint="serve the artifact that the pointer was made from, or write a new pointer for what is served",
                )


@dataclass(frozen=True, eq=False)
class RemoteModel:
    """A model in a pool: `infer` takes arrays by name and returns arrays by name.

    Immutable, safe to share between threads, usable after a fork. A pickled one reconnects where it is unpickled,
    with the token of that place.

    `inputs` and `outputs` are in the order of the compiled `forward`. `timeout` in seconds, for one call.
    `sent` is what travels to the pool: the inputs, or the values that `front` computes of them in this process.
    """

    expectation: Expectation
    connection: Connection
    timeout: float
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    sent: tuple[Tensor, ...]
    front: "LocalFront | None" = None

    @property
    def name(self) -> str:
        """The name that the pool serves it under."""
        return self.expectation.name

    @property
    def address(self) -> str:
        """The address of the pool."""
        return self.connection.endpoint.address

    @staticmethod
    def connect(
        expectation: Expectation, endpoint: Endpoint, *, timeout: float, front: "LocalFront | None" = None
    ) -> "RemoteModel":
        """Read the model's metadata from its pool, once.

        Args:
            expectation: the model that is meant.
            endpoint: its pool.
            timeout: seconds for one call.
            front: what runs in this process before the pool.

        Raises:
            PoolUnavailable: nobody answers there.
            ModelNotFound: the pool has no model of that name.
            RemoteError: it serves another model under that name.
        """
        connection = Connection(endpoint)
        request = messages().ModelMetadataRequest(name=expectation.name)
        what = f"the metadata of model {expectation.name!r}"
        response, metadata = connection.call("ModelMetadata", request, what=what, timeout=timeout)
        expectation.check(metadata, endpoint.address)
        served = from_metadata(response.inputs, model=expectation.name)
        outputs = from_metadata(response.outputs, model=expectation.name)
        if front is None:
            return RemoteModel(expectation, connection, timeout, served, outputs, served)
        given = {tensor.name: tensor for tensor in front.gives(expectation.method)}
        if any(given.get(tensor.name) != tensor for tensor in served):
            raise RemoteError(
                f"{endpoint.address} serves {expectation.name!r} for {', '.join(map(str, served))}, what runs here "
                f"gives {', '.join(map(str, given.values()))}",
                hint="serve the artifact that the pointer was made from, or write a new pointer for what is served",
            )
        own = tuple(tensor for tensor in given.values() if tensor not in served)
        inputs = front.inputs(expectation.method)
        return RemoteModel(expectation, connection, timeout, inputs, (*own, *outputs), served, front)

    def method(self, name: str) -> "RemoteModel":
        """Another entry point of the same model, as a model of its own.

        Raises:
            PoolUnavailable, ModelNotFound, RemoteError: as `connect`.
        """
        model = self.expectation.name.partition(keys.METHOD_MARK)[0]
        expectation = replace(self.expectation, name=f"{model}{keys.METHOD_MARK}{name}")
        return RemoteModel.connect(expectation, self.connection.endpoint, timeout=self.timeout, front=self.front)

    def infer(self, inputs: Mapping[str, Array], *, timeout: float | None = None) -> dict[str, Array]:
        """Run the model once.

        Args:
            inputs: an array for each input, of exactly its dtype and shape; bf16 as `ml_dtypes.bfloat16` or as
                `uint16` bit patterns.
            timeout: seconds for this call; the model's when left out.

        Returns:
            The outputs by name, in the model's order: new, writable arrays; bf16 as `uint16` bit patterns.

        Raises:
            InvalidInput: a name, dtype, shape or value that the model does not take; found before anything is sent,
                but for values, which the pool checks.
            RemoteError: of the class that fits, when the pool gives no answer.
        """
        check_names(inputs, self.inputs, model=self.name)
        self.expectation.own_dims.check(inputs, model=self.name)
        values = inputs if self.front is None else self.front.run(inputs, self.expectation.method)
        request = messages().ModelInferRequest(model_name=self.name)
        for tensor in self.sent:
            value = values[tensor.name]
            request.raw_input_contents.append(to_wire(tensor, value, model=self.name))
            request.inputs.add(name=tensor.name, datatype=tensor.dtype.oip, shape=value.shape)
        response, metadata = self.connection.call(
            "ModelInfer", request, what=f"model {self.name!r}", timeout=self.timeout if timeout is None else timeout
        )
        self.expectation.check(metadata, self.address)  # a pool may have been given another version meanwhile
        own = {tensor.name: values[tensor.name] for tensor in self.outputs if self.front and tensor.name in values}
        answered = tuple(tensor for tensor in self.outputs if tensor.name not in own)
        return own | from_wire(response, answered, model=self.name)

    def __deepcopy__(self, memo: dict[int, object]) -> "RemoteModel":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _reconnect, (self.expectation, self.address, self.timeout, self.front and self.front.front)


def connect(
    source: Source | Pointer, *, pool: str | None = None, token: str | None = None, timeout: float | None = None
) -> RemoteModel:
    """Connect to the model that a pointer names; needs numpy, not torch.

    Args:
        source: path or binary file object of a pointer file, or a pointer that was read already.
        pool: address of the pool; without it `INFC_POOL`, then the pointer's default.
        token: credential for that pool; without it `INFC_TOKEN`, for a pool named by `pool` or `INFC_POOL`.
        timeout: seconds that one call may take; without it `INFC_TIMEOUT`, then 60.

    Raises:
        ArtifactError: no pointer file, or one that is broken, or the stages that run here are not what it names.
        PoolUnavailable, ModelNotFound, RemoteError: see `RemoteModel.connect`.
    """
    pointer = source if isinstance(source, Pointer) else read_pointer(source)
    settings = Settings.from_environment()
    endpoint = choose(pool, token, settings, pointer.pool)
    dims = {method.method: method.dims for method in pointer.methods}
    expectation = Expectation(pointer.model, pointer.digest, pointer.interface, dims)
    front = _local(pointer.front, pointer.model)  # first: without it nothing could be sent
    return RemoteModel.connect(
        expectation, endpoint, timeout=settings.timeout if timeout is None else timeout, front=front
    )


def _local(front: Front | None, model: str) -> "LocalFront | None":
    if front is None:
        return None
    from .front import LocalFront

    return LocalFront(front, model=model)


def _reconnect(expectation: Expectation, address: str, timeout: float, front: Front | None = None) -> RemoteModel:
    settings = Settings.from_environment()
    token = settings.token if settings.pool == address else None
    name = expectation.name.partition(keys.METHOD_MARK)[0]
    return RemoteModel.connect(expectation, Endpoint(address, token), timeout=timeout, front=_local(front, name))
