"""Message classes and methods of the protocol, built on first use in a private descriptor pool."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool

SERVICE = "inference.GRPCInferenceService"


@dataclass(frozen=True)
class Messages:
    """The protocol's message classes; nested ones are attributes, as in `ModelInferRequest.InferInputTensor`."""

    ServerLiveRequest: type[Any]
    ServerLiveResponse: type[Any]
    ServerReadyRequest: type[Any]
    ServerReadyResponse: type[Any]
    ModelReadyRequest: type[Any]
    ModelReadyResponse: type[Any]
    ServerMetadataRequest: type[Any]
    ServerMetadataResponse: type[Any]
    ModelMetadataRequest: type[Any]
    ModelMetadataResponse: type[Any]
    ModelInferRequest: type[Any]
    ModelInferResponse: type[Any]
    InferParameter: type[Any]
    InferTensorContents: type[Any]


@dataclass(frozen=True)
class Rpc:
    """One method: `path` is what gRPC calls it by (`/inference.GRPCInferenceService/ModelInfer`)."""

    name: str
    path: str
    request: type[Any]
    response: type[Any]


@cache
def descriptor_pool() -> DescriptorPool:
    """The private pool that holds the protocol's file, for gRPC reflection."""
    pool = DescriptorPool()
    for file in _descriptor_set().file:
        pool.Add(file)  # pyright: ignore[reportAttributeAccessIssue]
    return pool


@cache
def messages() -> Messages:
    """The message classes. Always the same objects within a process."""
    names = [file.name for file in _descriptor_set().file]
    classes = message_factory.GetMessageClassesForFiles(names, descriptor_pool())
    return Messages(**{field.name: classes[f"inference.{field.name}"] for field in fields(Messages)})


@cache
def rpcs() -> Mapping[str, Rpc]:
    """The service's methods by name."""
    service = descriptor_pool().FindServiceByName(SERVICE)
    return {
        method.name: Rpc(
            method.name,
            f"/{SERVICE}/{method.name}",
            getattr(messages(), method.input_type.name),
            getattr(messages(), method.output_type.name),
        )
        for method in service.methods
    }


def _descriptor_set() -> descriptor_pb2.FileDescriptorSet:
    data = Path(__file__).with_name("open_inference.binpb").read_bytes()
    return descriptor_pb2.FileDescriptorSet.FromString(data)
