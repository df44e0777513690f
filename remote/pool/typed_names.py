"""Typed services by their names: each usually one model's.

A name is made from its model's when that is compiled, and a pool may be given two of which it is the same: versions of
one model in a store, or names that differ in case and punctuation only. A caller then says which model is meant, by the
pool's name of it in the call's metadata.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from infc.errors import InvalidInput, ModelNotFound

from ..oip import keys
from .answering import Context, parse, unary
from .controller import Pool
from .model import Model
from .typed import Call, TypedService


@dataclass(frozen=True)
class NamedService:
    """The services of one name, one for each model that has it."""

    name: str
    services: tuple[TypedService, ...]

    def handler(self, pool: Pool) -> grpc.GenericRpcHandler:
        """What a gRPC server registers."""
        calls: dict[str, dict[str, Call]] = {}
        for service in self.services:
            for rpc, call in service.calls(pool).items():
                calls.setdefault(rpc, {})[service.model.name] = call
        handlers: dict[str, Any] = {
            rpc: unary(f"{self.name}/{rpc}", None, _Choice(self.name, rpc, own)) for rpc, own in calls.items()
        }
        return grpc.method_handlers_generic_handler(self.name, handlers)


def typed_services(models: Sequence[Model]) -> list[NamedService]:
    """The typed services of the models that have one.

    Raises:
        ArtifactError: as `TypedService.of`.
    """
    found: dict[str, list[TypedService]] = {}
    for service in filter(None, map(TypedService.of, models)):
        found.setdefault(service.name, []).append(service)
    return [NamedService(name, tuple(services)) for name, services in found.items()]


def reflected(services: Sequence[NamedService]) -> dict[str, FileDescriptorProto]:
    """The files that describe services to tools, by the services' names; none of those whose messages' names stand for
    the messages of several models."""
    files: dict[str, dict[bytes, tuple[str, FileDescriptorProto]]] = {}
    for named in services:
        for service in named.services:
            data = service.file.SerializeToString(deterministic=True)
            files.setdefault(service.file.package, {})[data] = named.name, service.file
    return dict(next(iter(own.values())) for own in files.values() if len(own) == 1)


@dataclass(frozen=True)
class _Choice:
    """Answers one rpc of the models that have it, by their names in the pool."""

    service: str
    rpc: str
    calls: Mapping[str, Call]

    async def __call__(self, data: bytes, context: Context) -> Any:
        call = self._meant(context)
        return await call(parse(call.request, data, f"{self.service}/{self.rpc}"), context)

    def _meant(self, context: Context) -> Call:
        metadata: Any = dict(context.invocation_metadata() or ())
        name = metadata.get(keys.MODEL)
        names = ", ".join(map(repr, self.calls))
        if name is not None and name not in self.calls:
            raise ModelNotFound(
                f"{self.service}/{self.rpc} is not of the model {name!r}", hint=f"in this pool it is of {names}"
            )
        if name is None and len({call.model.digest for call in self.calls.values()}) > 1:
            raise InvalidInput(
                f"{self.service}/{self.rpc} is of several models in this pool: {names}",
                hint=f"name the one that is meant in the call's metadata, as {keys.MODEL!r}; compile a model under a "
                "--name that differs in more than case and punctuation, and it has a service of its own",
            )
        return next(iter(self.calls.values())) if name is None else self.calls[name]
