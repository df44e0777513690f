"""What an artifact says about itself: the config blob, as msgspec structs.

The JSON is strict both ways: an unknown field, a missing field or a wrong type is an `ArtifactError`. It holds no
timestamp and no path of the machine that compiled it, so that one input and one toolchain give the same bytes.
"""

import msgspec

from .format import Device, DType, StorageDType, Struct
from .provenance import Candidate, Middle, Toolchain, VerifyReport
from .signature import Parameter, Tree


class Dim(Struct, frozen=True, kw_only=True):
    """A dim whose size each call chooses: from `low` to `high` elements, both included."""

    name: str
    low: int
    high: int


UNKNOWN = "?"  # in an output's shape: a size that is known only after the call


class TensorSpec(Struct, frozen=True, kw_only=True):
    """One named input or output.

    `shape` is in elements; a text is the name of one of the method's dims, and in an output also `UNKNOWN`. `low` and
    `high` bound an integer input's values, both ends included, where the compiler
    knows a bound (an index into an embedding table): a value outside is refused before it reaches the module.
    """

    name: str
    dtype: DType
    shape: tuple[int | str, ...]
    low: int | None = None
    high: int | None = None


class Method(Struct, frozen=True, kw_only=True):
    """One entry point: its inputs in the order of `forward`, its outputs in the order in which it returns them.

    Inputs and outputs are flat and travel by name. `takes` and `returns` say how a caller gives and gets them: the
    arguments of `forward` and its result, with each input and each output in one place. `dims` are those that the
    shapes name; in one call a dim has one size, in all inputs.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    takes: tuple[Parameter, ...]
    returns: Tree
    dims: tuple[Dim, ...] = ()


class Interface(Struct, frozen=True, kw_only=True):
    """All entry points of a model; codegen and the pool read nothing else about it."""

    methods: tuple[Method, ...]


class SlabWeight(Struct, frozen=True, kw_only=True):
    """Where one weight lies in its slab.

    `key` is the parameter's name in the compiled module, `digest` that of the logical tensor (dtype, shape and
    contents, before packing), `layout` the packing that was applied to it (`row_major`, or `mmt4d[16,1]`), `offset`
    and `length` are in bytes from the start of the slab. `by_rows`: each call reads only the rows that an input names,
    as of an embedding table.
    """

    key: str
    digest: str
    dtype: StorageDType
    shape: tuple[int, ...]
    layout: str
    offset: int
    length: int
    by_rows: bool = False


class Slab(Struct, frozen=True, kw_only=True):
    """The weights of one stage on one target, exactly as its modules read them.

    `chunks` are the digests of its `CHUNK_SIZE` pieces in order; the last one may be shorter. `length` in bytes.
    """

    length: int
    alignment: int
    chunks: tuple[str, ...]
    weights: tuple[SlabWeight, ...]


class ModuleBuild(Struct, frozen=True, kw_only=True):
    """Machine code for one method of a stage: the blob's digest, its size in bytes, and the sizes that it takes.

    `dims` has the sizes of a bucket by the dims' names: the module takes exactly these, and a call with smaller ones is
    padded with zeros. A dim that is not named is dynamic: the module takes all of the sizes that the method takes.
    `visible` names masks: a call in which one of them has a row (along its last axis) of zeros is not for this module.
    The module exports a function called like the method. Several methods may lie in one module.
    """

    method: str
    module: str
    size: int
    dims: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    visible: tuple[str, ...] = ()


class StageBuild(Struct, frozen=True, kw_only=True):
    """One stage compiled for one target.

    `device` is the IREE device that runs it. `machine` is the processor that its machine code is for, as `uname -m` has
    it, and empty where the device alone matters; `features` are CPU features that must be there before a module is
    loaded. `modules` are in the order of preference: a call is run by the first of its method's that takes its sizes.
    `slab` has every weight that one of them reads, once, under one key, in one layout.
    """

    stage: str
    target: str
    device: Device
    machine: str
    features: tuple[str, ...]
    modules: tuple[ModuleBuild, ...]
    slab: Slab


class TargetBuild(Struct, frozen=True, kw_only=True):
    """One way to run the whole model: every stage, each on a device of its target.

    `target` is the stages' own; where they differ it names all of them, `cpu+vulkan`. `verify` is None where it was not
    compared with PyTorch: because the host that compiled it could not run it, or, with `skipped`, because that was not
    wanted (`--no-verify`). `candidates` are the ways that were tried to run a method with dynamic dims.
    """

    target: str
    stages: tuple[StageBuild, ...]
    verify: VerifyReport | None
    skipped: bool
    candidates: tuple[Candidate, ...] = ()


class Stage(Struct, frozen=True, kw_only=True):
    """A part of the model that runs in one place; stages of one `placement` run on one device."""

    name: str
    placement: str


class Ref(Struct, frozen=True, kw_only=True):
    """A value on its way through the stages: the one at `number` of what the stage `stage` gives, or, where that is
    empty, of the method's inputs."""

    stage: str
    number: int


class Edge(Struct, frozen=True, kw_only=True):
    """What a value is; `shape` as in `TensorSpec`."""

    dtype: DType
    shape: tuple[int | str, ...]


class Step(Struct, frozen=True, kw_only=True):
    """A stage's turn in a method: what it takes, in the order of its function's arguments, and what it gives."""

    stage: str
    inputs: tuple[Ref, ...]
    outputs: tuple[Edge, ...]


class Wiring(Struct, frozen=True, kw_only=True):
    """How a method runs: its stages in order, each at most once, and which values are the method's outputs.

    A step reads inputs of the method and what earlier steps give.
    """

    method: str
    steps: tuple[Step, ...]
    outputs: tuple[Ref, ...]


class MemoryStep(Struct, frozen=True, kw_only=True):
    """One entry of the memory plan: the weight that is needed next, in the order of the forward pass."""

    stage: str
    key: str


class Cost(Struct, frozen=True, kw_only=True):
    """Estimates for one call. `activation_peak` and `bytes_touched` in bytes."""

    flops: int
    bytes_touched: int
    activation_peak: int


class Config(Struct, frozen=True, kw_only=True):
    """The config blob of an artifact.

    `wiring` has one entry for each method of the interface. `targets` are in the order of preference; `memory_plan` and
    `cost` are those of the first.
    """

    schema_version: int
    name: str
    source: str
    toolchain: Toolchain
    interface: Interface
    stages: tuple[Stage, ...]
    wiring: tuple[Wiring, ...]
    targets: tuple[TargetBuild, ...]
    memory_plan: tuple[MemoryStep, ...]
    cost: Cost
    middle: Middle = Middle()
