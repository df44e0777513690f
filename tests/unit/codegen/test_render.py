"""Rendering: addresses, and the error of protoc."""

import pytest

from infc.codegen.descriptors import descriptor_set
from infc.codegen.render import check_pool
from infc.errors import ArtifactError, CompileError, RemoteError
from infc.remote.client.address import check_address


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8500",
        "[::1]:1",
        "unix:/x",
        "pool:65535",
        "pool:65536",
        "pool:0",
        "pool",
        "unix:",
        "a b:1",
        "dns:///x:1",
    ],
)
def test_codegen_takes_the_addresses_that_the_client_takes(address: str) -> None:
    try:
        check_address(address)
    except RemoteError:
        with pytest.raises(ArtifactError, match="no address of a pool"):
            check_pool(address)
    else:
        assert check_pool(address) == address


def test_protocs_complaint_is_kept() -> None:
    with pytest.raises(CompileError, match="protoc failed") as failed:
        descriptor_set("syntax = nonsense;")
    assert "open_inference.proto:1" in failed.value.message
    assert "grpc_tools.protoc" in failed.value.command
