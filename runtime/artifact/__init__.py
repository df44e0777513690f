"""The artifact format: an OCI image layout with a model's modules, weights and interface. Reading and writing."""

from .digest import interface_digest, stage_digest
from .format import (
    CHUNK_SIZE,
    DESCRIPTOR_MEDIA_TYPE,
    MODULE_MEDIA_TYPE,
    PAGE_SIZE,
    POOL_RPC_MEDIA_TYPE,
    RPC_MEDIA_TYPE,
    SCHEMA_VERSION,
    Device,
    DType,
    Values,
)
from .layout import Blob
from .provenance import Candidate, LeftOut, Middle, OutputCheck, Plugin, Toolchain, VerifyReport
from .reader import Artifact
from .rewrite import TarCopy, rewrite
from .schema import (
    UNKNOWN,
    Config,
    Cost,
    Dim,
    Edge,
    Interface,
    MemoryStep,
    Method,
    ModuleBuild,
    Ref,
    Slab,
    SlabWeight,
    Stage,
    StageBuild,
    Step,
    TargetBuild,
    TensorSpec,
    Wiring,
)
from .slab import WeightData
from .validate import check_interface
from .wiring import one_stage
from .writer import ArtifactWriter, Form

__all__ = [
    "CHUNK_SIZE",
    "DESCRIPTOR_MEDIA_TYPE",
    "MODULE_MEDIA_TYPE",
    "PAGE_SIZE",
    "POOL_RPC_MEDIA_TYPE",
    "RPC_MEDIA_TYPE",
    "SCHEMA_VERSION",
    "UNKNOWN",
    "Artifact",
    "ArtifactWriter",
    "Blob",
    "Candidate",
    "Config",
    "Cost",
    "DType",
    "Device",
    "Dim",
    "Edge",
    "Form",
    "Interface",
    "LeftOut",
    "MemoryStep",
    "Method",
    "Middle",
    "ModuleBuild",
    "OutputCheck",
    "Plugin",
    "Ref",
    "Slab",
    "SlabWeight",
    "Stage",
    "StageBuild",
    "Step",
    "TarCopy",
    "TargetBuild",
    "TensorSpec",
    "Toolchain",
    "Values",
    "VerifyReport",
    "WeightData",
    "Wiring",
    "check_interface",
    "interface_digest",
    "one_stage",
    "rewrite",
    "stage_digest",
]
