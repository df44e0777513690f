"""Content addresses: how blobs and interfaces are named."""

import hashlib
import re

import msgspec

from .provenance import Toolchain
from .schema import Interface, StageBuild

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(data: bytes | bytearray | memoryview) -> str:
    """`sha256:` and the 64 hexadecimal digits of the data's SHA-256."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    """Whether the text is a digest that this format uses: nothing else may become part of a path."""
    return _DIGEST.fullmatch(text) is not None


def hex_of(digest: str) -> str:
    """The hexadecimal part of a digest, which is the blob's file name."""
    return digest.removeprefix("sha256:")


def interface_digest(interface: Interface) -> str:
    """Digest of the canonical JSON of an interface: fields in the order of the schema, no white space.

    Two artifacts with the same interface digest can be called with the same generated client.
    """
    return digest_of(msgspec.json.encode(interface))


def stage_digest(build: StageBuild, toolchain: Toolchain) -> str:
    """Digest of what a stage computes: machine code, weights in their layout, target, and the IREE that both are for.

    Neither the model's name nor the stage's is part of it: stages of one digest are the same stage.
    """
    nameless = msgspec.structs.replace(build, stage="")
    return digest_of(msgspec.json.encode([toolchain.iree, nameless]))
