"""What the artifact's format calls things: its version, sizes, media types and dtypes, and the base of its structs."""

from typing import Literal

import msgspec

SCHEMA_VERSION = 4
CHUNK_SIZE = 2 * 1024 * 1024  # bytes; the unit of sharing on disk, in DRAM and on the wire
PAGE_SIZE = 4096  # bytes; what a mapped blob or a large weight is aligned to

MANIFEST_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_MEDIA_TYPE = "application/vnd.oci.image.index.v1+json"
ARTIFACT_TYPE = "application/vnd.cncf.model.manifest.v1+json"
CONFIG_MEDIA_TYPE = "application/vnd.infc.config.v1+json"
MODULE_MEDIA_TYPE = "application/vnd.infc.module.v1.vmfb"
RPC_MEDIA_TYPE = "application/vnd.infc.rpc.v1.mlir"  # the interface as text of the `rpc` dialect
POOL_RPC_MEDIA_TYPE = "application/vnd.infc.rpc.pool.v1.mlir"  # of a split model, the part that a pool serves
DESCRIPTOR_MEDIA_TYPE = "application/vnd.infc.service.v1.binpb"  # the typed service, a FileDescriptorSet
CHUNK_MEDIA_TYPE = "application/vnd.cncf.model.weight.v1.raw"

DType = Literal["f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"]
# Of a weight in a slab. Of i4 two elements lie in a byte, the first in its low bits.
StorageDType = DType | Literal["i4"]
Values = Literal["random", "zeros", "largest", "smallest", "masked"]  # of inputs: `compiler/verification/sampling.py`
Device = Literal["local-task", "vulkan", "cuda", "hip", "metal"]


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all artifact structs: immutable, strict."""
