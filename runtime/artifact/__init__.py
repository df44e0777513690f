"""The artifact format: an OCI image layout with a model's modules, weights and interface. Reading and writing."""

from .digest import interface_digest
from .layout import Blob
from .reader import Artifact
from .schema import (
    CHUNK_SIZE,
    MODULE_MEDIA_TYPE,
    PAGE_SIZE,
    SCHEMA_VERSION,
    Config,
    Cost,
    Device,
    DType,
    Interface,
    LeftOut,
    MemoryStep,
    Method,
    OutputCheck,
    Slab,
    SlabWeight,
    Stage,
    StageBuild,
    TargetBuild,
    TensorSpec,
    Toolchain,
    Values,
    VerifyReport,
)
from .slab import WeightData
from .writer import ArtifactWriter, Form

__all__ = [
    "CHUNK_SIZE",
    "MODULE_MEDIA_TYPE",
    "PAGE_SIZE",
    "SCHEMA_VERSION",
    "Artifact",
    "ArtifactWriter",
    "Blob",
    "Config",
    "Cost",
    "DType",
    "Device",
    "Form",
    "Interface",
    "LeftOut",
    "MemoryStep",
    "Method",
    "OutputCheck",
    "Slab",
    "SlabWeight",
    "Stage",
    "StageBuild",
    "TargetBuild",
    "TensorSpec",
    "Toolchain",
    "Values",
    "VerifyReport",
    "WeightData",
    "interface_digest",
]
