"""Running an artifact in this process: weights mapped where they lie, the module loaded, calls checked."""

from collections.abc import Collection, Sequence
from collections.abc import Mapping as Mappable
from functools import cache
from itertools import groupby
from math import prod
from operator import attrgetter
from threading import Lock
from typing import Any

import iree.runtime
import numpy as np

from infc.errors import ArtifactError, ExecutorFailed, InfcError

from .artifact import CHUNK_SIZE, Artifact, Blob, StageBuild
from .entries import Entry, Output, Way
from .host import check_iree
from .inputs import checked_call
from .memory import Mapping
from .memory.loading import LoadedSlab, Loading
from .shapes import resolve, show
from .targets import CPU_DEVICE, STATUS_ERRORS, choose
from .transfer import download

rt: Any = iree.runtime  # its stubs are incomplete

SCOPE = "model"  # of all parameters, in every module that infc compiles

_CPU_DEVICES = (CPU_DEVICE, "local-sync")  # their memory is the process's

_MEMORY = int(rt.MemoryType.DEVICE_LOCAL)
_USAGE = int(rt.BufferUsage.DEFAULT)


@cache
def _instance() -> Any:
    return rt.VmInstance()


@cache
def _device(uri: str) -> Any:
    """A device is threads and arenas: made once a process, shared by its sessions."""
    try:
        return rt.get_device(uri)
    except STATUS_ERRORS as error:
        known = ", ".join(sorted(rt.query_available_drivers()))
        raise InfcError(f"no device {uri!r} on this machine", hint=f"IREE has drivers for {known}") from error


class Session:
    """A model attached to a device of this process. A context manager. Calls from several threads run one after
    the other.

    On the CPU, attaching copies no weight: the module computes on the pages of the artifact's file, which all processes
    share. Any other device gets a copy in its own memory. Weights that are not in memory yet are read in the order in
    which a forward pass needs them, while it runs.
    The arrays that `run` returns stay valid after `close`.

    Attributes:
        loading: what brings in the weights that were not in memory.
    """

    def __init__(self, artifact: Artifact, stage: StageBuild, device: Any, *, mapped: bool, load: bool = True) -> None:
        self._where = f"{artifact.path}: stage {stage.stage!r}"
        slab = stage.slab
        self._chunks = slab.chunks
        chunks = [artifact.blob(chunk) for chunk in slab.chunks]
        self._weights = _map(artifact, chunks)
        self.loading = Loading(LoadedSlab(chunks, self._weights.address, self._weights.view()))
        if load:
            self.loading.start()
        self._code = {build.module: _map(artifact, [artifact.blob(build.module)]) for build in stage.modules}
        self._contexts: dict[str, tuple[Any, Any]] = {}
        self._device = device
        self._mapped = mapped
        self._allocate = device.allocator.allocate_buffer_copy
        self._index = rt.ParameterIndex()
        if slab.length:
            handle = rt.FileHandle.wrap_memory(self._weights.view(), readable=True, writable=False)
            for weight in slab.weights:
                self._index.add_from_file_handle(weight.key, handle, weight.length, weight.offset)
        self._calls = Lock()
        self._entries = {method.name: Entry.of(method, stage.modules) for method in artifact.config.interface.methods}
        self._default = artifact.method().name
        self._closed = False
        for entry in self._entries.values():
            self._load(entry.ways[0])  # the others when they are first needed

    @staticmethod
    def attach(
        artifact: Artifact, *, target: str | None = None, device: str | None = None, load: bool = True
    ) -> "Session":
        """Maps the weights and loads the module. The artifact may be closed afterwards.

        Loading runs native code of the artifact: open one from elsewhere with `check=True`, and run it in a sandbox.

        Args:
            artifact: what to attach.
            target: which of its builds; the first that this host can run by default.
            device: the IREE device, the target's own by default. Code for the CPU runs on `local-task` (threads) or
                `local-sync` (the calling thread); one of several GPUs is named like `vulkan://1`.
            load: read weights that are not in memory ahead of the calls; without it, somebody else decides what is.

        Raises:
            ArtifactError: no build for the target, or none that this host can run; an IREE version it was not compiled
                with, or a module that does not load.
            InfcError: there is no such device, or it is not one of the target's.
        """
        where = str(artifact.path)
        check_iree(artifact.config.toolchain.iree, where)
        build = choose(artifact, target)
        if len(build.stages) != 1:
            raise ArtifactError(
                f"{where}: has {len(build.stages)} stages; a session runs models of one stage",
                hint="compile it again without partitioning",
            )
        uri = device or build.device
        mapped = build.device == CPU_DEVICE
        known = _CPU_DEVICES if mapped else (build.device,)
        if uri.partition("://")[0] not in known:
            raise InfcError(
                f"{where}: target {build.target!r} does not run on device {uri!r}",
                hint=f"its devices are {' and '.join(known)}",
            )
        opened = _device(uri)
        return Session(artifact, build.stages[0], opened, mapped=mapped, load=load)

    def run(self, inputs: Mappable[str, np.ndarray], method: str | None = None) -> dict[str, np.ndarray]:
        """One call.

        Args:
            inputs: an array for each input, by name.
            method: the entry point; the first by default.

        Returns:
            The outputs by name, in the order of the interface. On the CPU they lie in memory of the device, which
            lives as long as they do.

        Raises:
            InvalidInput: an input that the model does not take.
            ArtifactError: no such method.
            ExecutorFailed: the model itself failed.
        """
        entry = self._entry(method)
        arrays, sizes = checked_call(entry.method, inputs)
        way, full = entry.ways[0], sizes
        if sizes:
            way = entry.way(arrays, sizes)
            full = sizes | way.build.dims
            arrays = entry.padded(arrays, full)
        arguments = rt.VmVariantList(len(arrays))
        results = rt.VmVariantList(len(entry.outputs))
        try:
            for array, element in zip(arrays, entry.elements, strict=True):
                arguments.push_ref(self._allocate(_MEMORY, _USAGE, self._device, array, element))
            with self._calls:
                if way.function is None:
                    self._load(way)
                way.context.invoke(way.function, arguments, results)
        except STATUS_ERRORS as error:
            raise ExecutorFailed(
                f"{entry.method.name} failed: {_first_line(error)}",
                hint="`infc verify OUT.infc SRC` compares the model with its source on this machine",
            ) from error
        if len(results) != len(entry.outputs):
            raise ExecutorFailed(
                f"{entry.method.name} returned {len(results)} results, its interface has {len(entry.outputs)}",
                hint="compile the model again with this infc",
            )
        whole = {output.name: self._read(output, results, number, full) for number, output in enumerate(entry.outputs)}
        if full == sizes:
            return whole
        return {output.name: _cut(whole[output.name], output, sizes) for output in entry.outputs}

    def release(self, chunks: Collection[str]) -> None:
        """Takes chunks of the weights out of this process's page tables; those of another model are left out.

        They come back when a call touches them: from the page cache, or from the disk where they left that too.

        Raises:
            InfcError: the kernel refuses.
        """
        for number, chunk in enumerate(self._chunks):
            if chunk in chunks:
                at = number * CHUNK_SIZE
                self._weights.release(at, min(CHUNK_SIZE, self._weights.length - at))

    def close(self) -> None:
        """Detaches the model. Its pages are unmapped when the last array that looks at them is gone."""
        self._closed = True
        self.loading.stop()
        self._entries.clear()
        self._contexts.clear()
        for code in self._code.values():
            code.close()
        self._weights.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _entry(self, name: str | None) -> Entry:
        found = self._entries.get(name or self._default)
        if self._closed:
            raise ValueError("the session is closed")
        if found is None:
            raise ArtifactError(f"no method {name!r}", hint=f"the model has {', '.join(self._entries)}")
        return found

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
            module = rt.VmModule.wrap_buffer(_instance(), code.view())
            parameters = rt.create_io_parameters_module(_instance(), self._index.create_provider(SCOPE))
            hal = rt.create_hal_module(_instance(), self._device)
            return rt.VmContext(_instance(), [parameters, hal, module]), module
        except STATUS_ERRORS as error:
            raise ArtifactError(
                f"{self._where}: IREE cannot load the module: {_first_line(error)}",
                hint="compile the model again with this infc",
            ) from error

    def _read(self, output: Output, results: Any, number: int, sizes: Mappable[str, int]) -> np.ndarray:
        view = results.get_as_object(number, rt.HalBufferView)
        shape: list[int] = view.shape
        # The sizes are the module's own claim where the interface leaves them open: the bytes must be there.
        fits = all(want in (None, size) for want, size in zip(resolve(output.shape, sizes), shape, strict=False))
        if not fits or len(shape) != len(output.shape) or view.byte_length != prod(shape) * output.dtype.itemsize:
            raise ExecutorFailed(
                f"output {output.name!r} has shape {shape} and {view.byte_length} bytes, its interface says "
                f"{output.dtype.name}{show(output.shape)}",
                hint="compile the model again with this infc",
            )
        if not self._mapped:
            return download(self._device, view).view(output.dtype).reshape(shape)
        array: np.ndarray = view.map().asarray(shape, output.raw)
        return array if output.raw is output.dtype else array.view(output.dtype)


def _cut(array: np.ndarray, output: Output, sizes: Mappable[str, int]) -> np.ndarray:
    """The part that belongs to the call, without what belongs to its padding."""
    return array[tuple(slice(size) for size in resolve(output.shape, sizes))]


def _map(artifact: Artifact, blobs: Sequence[Blob]) -> Mapping:
    """The blobs one after the other in memory."""
    mapping = Mapping(sum(blob.length for blob in blobs), where=str(artifact.path))
    for _, group in groupby(blobs, key=attrgetter("path")):  # one file in a tar, one for each blob in a directory
        together = list(group)
        with artifact.descriptor(together[0]) as fd:
            mapping.append(fd, *((blob.offset, blob.length) for blob in together))
    return mapping


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
