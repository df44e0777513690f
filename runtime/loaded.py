"""One stage of a model attached to a device: weights mapped where they lie, modules loaded, one call at a time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

import iree.runtime

from infc.errors import ArtifactError, ExecutorFailed

from .artifact import CHUNK_SIZE, Artifact, ModuleBuild, StageBuild
from .devices import LOST, NOT_LOST, Device, instance
from .memory import Mapping, kernel
from .memory.leaving import leave, sweep
from .memory.loading import LoadedSlab
from .memory.pages import MapSlab, map_blobs, map_files
from .memory.rows import order_of_need
from .targets import STATUS_ERRORS

rt: Any = iree.runtime  # its stubs are incomplete

COMPARE = "`infc verify OUT.infc SRC` compares the model with its source on this machine"
SCOPE = "model"  # of all parameters, in every module that infc compiles


@dataclass(slots=True)
class Way:
    """One module that runs a method. `context` and `function` are there once it is loaded."""

    build: ModuleBuild
    context: Any = None
    function: Any = None


class LoadedStage:
    """A stage on its device. Calls from several threads run one after the other.

    On the CPU, loading copies no weight: the module computes on the pages of the artifact's file, which all processes
    share. Any other device gets a copy in its own memory. `weights` are the mapped chunks of its slab, `layout` what
    lies where in them, `chunks` their digests in their order, `users` how many sessions it is loaded for.
    """

    def __init__(self, artifact: Artifact, build: StageBuild, device: Device, map_slab: MapSlab | None = None) -> None:
        """Maps weights and modules. `load` comes next, so that the weights may be on their way meanwhile.

        Raises:
            ArtifactError: one is missing or cannot be mapped.
        """
        self.name = build.stage
        self.device = device
        self.users = 1
        self._counting = Lock()
        self._where = f"{artifact.path}: stage {build.stage!r}"
        self.chunks = build.slab.chunks
        self.layout = build.slab
        self._chunks = [artifact.blob(chunk) for chunk in build.slab.chunks]
        self.weights = map_slab(artifact, self.chunks) if map_slab else map_blobs(artifact, self._chunks)
        self._code = {module.module: map_files(artifact, [module.module]) for module in build.modules}
        for code in self._code.values():
            kernel.read_ahead(code.address, code.length)
        self._contexts: dict[str, tuple[Any, Any]] = {}
        self._index = rt.ParameterIndex()
        self._lent: list[memoryview] = []
        if build.slab.length:
            sweep()
            self._lent.append(self.weights.view())
            handle = rt.FileHandle.wrap_memory(self._lent[0], readable=True, writable=False)
            for weight in build.slab.weights:
                self._index.add_from_file_handle(weight.key, handle, weight.length, weight.offset)
        self._calls = Lock()
        methods = dict.fromkeys(module.method for module in build.modules)
        self._ways = {
            method: tuple(Way(module) for module in build.modules if module.method == method) for method in methods
        }

    def load(self) -> None:
        """Loads each method's first module, where that is not done; the others when they are first needed.

        Raises:
            ArtifactError: a module that does not load.
        """
        firsts = [ways[0] for ways in self._ways.values()]
        if all(way.function for way in firsts):
            return  # another session's, which may be in the middle of a call
        with self._calls:
            for way in firsts:
                if way.function is None:
                    self._load(way)

    def slab(self, last: Collection[str]) -> LoadedSlab:
        """Where the mapped chunks lie in their files; as long as it lives, they stay mapped. `last` has the keys of
        weights that are needed after all others."""
        order = partial(order_of_need, self.layout, last)
        return LoadedSlab(self._chunks, order, self.weights.address, self.weights.view())

    def release(self, chunks: Collection[str]) -> None:
        """See `Session.release`."""
        for number, chunk in enumerate(self.chunks):
            if chunk in chunks:
                at = number * CHUNK_SIZE
                self.weights.release(at, min(CHUNK_SIZE, self.weights.length - at))

    def ways(self, method: str) -> tuple[Way, ...]:
        """The modules that run a method, in the order of preference."""
        return self._ways[method]

    def call(self, way: Way, arguments: Sequence[Any], count: int) -> list[Any]:
        """Runs the module, which may write into its arguments: they are the stage's own from here on.

        Args:
            way: one of the stage's modules.
            arguments: buffer views on the stage's device.
            count: how many results there must be.

        Returns:
            The results, buffer views on the stage's device.

        Raises:
            ExecutorFailed: the module itself failed, or its device did not survive a fork.
            ArtifactError: the module was not loaded yet, and does not load.
        """
        if self.device.lost:
            raise ExecutorFailed(f"cannot run: {LOST}", hint=NOT_LOST)
        given = rt.VmVariantList(len(arguments))
        results = rt.VmVariantList(count)
        try:
            for argument in arguments:
                given.push_ref(argument)
            with self._calls:
                if way.function is None:
                    self._load(way)
                way.context.invoke(way.function, given, results)
        except STATUS_ERRORS as error:
            raise ExecutorFailed(f"failed: {first_line(error)}", hint=COMPARE) from error
        if len(results) != count:
            raise ExecutorFailed(
                f"returned {len(results)} results, its interface has {count}",
                hint="compile the model again with this infc",
            )
        return [results.get_as_object(number, rt.HalBufferView) for number in range(count)]

    def join(self) -> bool:
        """One more user, who will close it as well. False when it is closed already."""
        with self._counting:
            self.users += bool(self.users)
            return self.users > 0

    def close(self) -> None:
        """Detaches the stage, when its last user closes it. Its pages are unmapped when the last array that looks at
        them is gone."""
        with self._counting:
            self.users -= bool(self.users)
            if self.users:
                return
        self._ways.clear()
        self._contexts.clear()
        self._index = rt.ParameterIndex()  # the one that looked at the weights goes
        for code in self._code.values():
            code.close()
        self.weights.close()
        leave(self._lent)

    def _load(self, way: Way) -> None:
        digest = way.build.module
        if digest not in self._contexts:
            self._contexts[digest] = self._context(self._code[digest])
        way.context, module = self._contexts[digest]
        way.function = module.lookup_function(way.build.method)
        if way.function is None:
            raise ArtifactError(
                f"{self._where}: the module exports no {way.build.method!r}, only {', '.join(module.function_names)}",
                hint="compile the model again with this infc",
            )

    def _context(self, code: Mapping) -> tuple[Any, Any]:
        try:
            module = rt.VmModule.wrap_buffer(instance(), code.view())
            parameters = rt.create_io_parameters_module(instance(), self._index.create_provider(SCOPE))
            hal = rt.create_hal_module(instance(), self.device.handle)
            return rt.VmContext(instance(), [parameters, hal, module]), module
        except STATUS_ERRORS as error:
            raise ArtifactError(
                f"{self._where}: IREE cannot load the module: {first_line(error)}",
                hint="compile the model again with this infc",
            ) from error


def first_line(error: Exception) -> str:
    """What IREE says, without its stack."""
    return str(error).partition("\n")[0]
