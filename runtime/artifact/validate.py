"""The consistency of a config with itself and with the blobs of its manifest, before anything is mapped or loaded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infc.errors import ArtifactError

from .digest import is_digest
from .dtypes import INTEGERS, byte_size
from .format import CHUNK_SIZE, PAGE_SIZE, SCHEMA_VERSION
from .schema import UNKNOWN, Config, Interface, Method, ModuleBuild, Slab, SlabWeight, StageBuild, TensorSpec
from .slab import ALIGNMENT
from .validate_signature import faults
from .wiring import stages_of, wiring_faults

MAX_RANK = 32
LARGEST_DIM = 1 << 48  # the product of the dimensions stays cheap, whatever the file says


@dataclass(frozen=True)
class Validator:
    """Checks one config. Every method raises an ArtifactError that names `where`, the field and the value.

    Args:
        where: the file, for the messages.
        blobs: size in bytes of every layer of the manifest, by digest.
    """

    where: str
    blobs: Mapping[str, int]

    def config(self, config: Config) -> None:
        """The whole config."""
        if config.schema_version != SCHEMA_VERSION:
            raise self._error(f"schema_version is {config.schema_version}, this infc reads {SCHEMA_VERSION}")
        if not config.name:
            raise self._error("name is empty")
        self.interface(config.interface)
        self._unique("stages", (stage.name for stage in config.stages))
        self._unique("targets", (build.target for build in config.targets))
        if fault := next(wiring_faults(config.stages, config.interface.methods, config.wiring), ""):
            raise self._error(fault)
        names = {stage.name for stage in config.stages}
        for build in config.targets:
            where = f"targets[{build.target!r}]"
            self._unique(f"{where}.stages", (stage.stage for stage in build.stages))
            if {stage.stage for stage in build.stages} != names:
                raise self._error(f"{where} builds other stages than {sorted(names)}")
            for stage in build.stages:
                self._stage(f"{where}.stages[{stage.stage!r}]", stage, config)
        for step in config.memory_plan:
            if step.stage not in names:
                raise self._error(f"memory_plan names stage {step.stage!r}, which does not exist")

    def interface(self, interface: Interface) -> None:
        """The interface alone."""
        if not interface.methods:
            raise self._error("interface has no method")
        self._unique("interface.methods", (method.name for method in interface.methods))
        for method in interface.methods:
            where = f"interface.methods[{method.name!r}]"
            self._unique(f"{where}.inputs", (spec.name for spec in method.inputs))
            self._unique(f"{where}.outputs", (spec.name for spec in method.outputs))
            if fault := next(faults(method), ""):
                raise self._error(f"{where}{fault}")
            self._dims(where, method)
            for spec in (*method.inputs, *method.outputs):
                self._tensor(f"{where}.{spec.name}", spec)

    def _dims(self, where: str, method: Method) -> None:
        self._unique(f"{where}.dims", (dim.name for dim in method.dims))
        for dim in method.dims:
            if not (dim.name.isascii() and dim.name.isidentifier()):
                raise self._error(f"{where}.dims has {dim.name!r}, which is no name")
            if not 0 <= dim.low <= dim.high < LARGEST_DIM:
                raise self._error(f"{where}.dims[{dim.name!r}] is from {dim.low} to {dim.high}")
        names = {dim.name for dim in method.dims}
        given = {size for spec in method.inputs for size in spec.shape if isinstance(size, str)}
        returned = {size for spec in method.outputs for size in spec.shape if isinstance(size, str)} - {UNKNOWN}
        # A dim that no input has could never be told from a call.
        if given != names or not returned <= names:
            raise self._error(
                f"{where} has the dims {sorted(names)}, its inputs name {sorted(given)}, its outputs {sorted(returned)}"
            )

    def _stage(self, where: str, stage: StageBuild, config: Config) -> None:
        # Without it, nothing would keep another processor's code from being loaded.
        if stage.device == "local-task" and not stage.machine:
            raise self._error(f"{where}.machine is empty; code for the CPU is for one processor")
        every = config.interface.methods
        own = {each.name: each for each in every if stage.stage in stages_of(config, each.name)}
        for number, module in enumerate(stage.modules):
            self._module(f"{where}.modules[{number}]", module, own)
            if (module.dims or module.visible) and len(stages_of(config, module.method)) > 1:
                raise self._error(f"{where}.modules[{number}] is for a bucket; only a model of one stage has buckets")
        for method in own.values():
            built = [module for module in stage.modules if module.method == method.name]
            self._unique(f"{where}.modules of {method.name!r}", (repr(sorted(each.dims.items())) for each in built))
            high = {dim.name: dim.high for dim in method.dims}
            dims = [each.dims for each in built if not each.visible]
            if not any(all(size == high[name] for name, size in each.items()) for each in dims):
                raise self._error(f"{where}.modules has none that takes the largest sizes of method {method.name!r}")
        self._slab(f"{where}.slab", stage.slab)

    def _module(self, where: str, module: ModuleBuild, methods: Mapping[str, Method]) -> None:
        self._blob(f"{where}.module", module.module, module.size)
        if module.method not in methods:
            raise self._error(f"{where} is for method {module.method!r}, which does not exist in this stage")
        ranges = {dim.name: dim for dim in methods[module.method].dims}
        for name, size in module.dims.items():
            if name not in ranges or not ranges[name].low <= size <= ranges[name].high:
                raise self._error(f"{where}.dims has {name!r} = {size}, which the method has not")
        ranks = {spec.name: len(spec.shape) for spec in methods[module.method].inputs}
        if not all(map(ranks.get, module.visible)):
            raise self._error(f"{where}.visible has {module.visible}, expected inputs with rows")

    def _tensor(self, where: str, spec: TensorSpec) -> None:
        self._shape(where, tuple(size for size in spec.shape if isinstance(size, int)))
        if len(spec.shape) > MAX_RANK:
            raise self._error(f"{where}.shape has more than {MAX_RANK} dimensions")
        if spec.low is None and spec.high is None:
            return
        if spec.dtype not in INTEGERS:
            raise self._error(f"{where} has bounds but dtype {spec.dtype}; only integers have bounds")
        if spec.low is not None and spec.high is not None and spec.low > spec.high:
            raise self._error(f"{where}.low is {spec.low}, above high {spec.high}")

    def _slab(self, where: str, slab: Slab) -> None:
        full, rest = divmod(slab.length, CHUNK_SIZE)
        if slab.length < 0 or len(slab.chunks) != full + bool(rest):
            raise self._error(f"{where} has {len(slab.chunks)} chunks for a length of {slab.length} bytes")
        if slab.alignment != PAGE_SIZE:
            raise self._error(f"{where}.alignment is {slab.alignment}, expected {PAGE_SIZE}")
        sizes = [self.blobs.get(chunk) for chunk in slab.chunks]
        if sizes != [CHUNK_SIZE] * full + [rest] * bool(
            rest
        ):  # thousands of chunks: look closer only when one is wrong
            for number, chunk in enumerate(slab.chunks):
                self._blob(f"{where}.chunks[{number}]", chunk, CHUNK_SIZE if number < full else rest)
        self._unique(f"{where}.weights", (weight.key for weight in slab.weights))
        for weight in slab.weights:
            self._weight(f"{where}.weights[{weight.key!r}]", weight, slab.length)

    def _weight(self, where: str, weight: SlabWeight, slab_length: int) -> None:
        self._shape(where, weight.shape)
        expected = byte_size(weight.dtype, weight.shape)
        if weight.length != expected:
            raise self._error(
                f"{where}.length is {weight.length}, but {weight.dtype}{list(weight.shape)} takes {expected}"
            )
        if weight.offset < 0 or weight.offset + weight.length > slab_length:
            raise self._error(
                f"{where} lies at {weight.offset}+{weight.length}, outside its slab of {slab_length} bytes"
            )
        if weight.offset % ALIGNMENT:
            raise self._error(f"{where}.offset is {weight.offset}, not a multiple of {ALIGNMENT}")

    def _shape(self, where: str, shape: tuple[int, ...]) -> None:
        if len(shape) > MAX_RANK or not all(0 <= dim < LARGEST_DIM for dim in shape):
            raise self._error(f"{where}.shape has a negative or huge dimension, or more than {MAX_RANK} of them")

    def _blob(self, where: str, digest: str, size: int) -> None:
        found = self.blobs.get(digest)
        if found is None:
            if not is_digest(digest):
                raise self._error(f"{where} is {digest!r}, expected sha256:<64 hex digits>")
            raise self._error(f"{where} is {digest}, which is not among the manifest's layers")
        if found != size:
            raise self._error(f"{where} should have {size} bytes, its blob has {found}")

    def _unique(self, where: str, names: Iterable[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise self._error(f"{where} has {name!r} twice")
            seen.add(name)

    def _error(self, message: str) -> ArtifactError:
        return ArtifactError(
            f"{self.where}: inconsistent config: {message}",
            hint="the artifact was not written by a compatible infc; compile the model again",
        )


def check_interface(where: str, interface: Interface) -> None:
    """An interface that came from elsewhere than a config.

    Raises:
        ArtifactError: names `where`, the field and the value.
    """
    Validator(where, {}).interface(interface)
