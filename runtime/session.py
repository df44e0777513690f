"""Running an artifact in this process: its stages attached, each to its device, and calls checked."""

from collections.abc import Collection, Mapping

import numpy as np

from infc.errors import ArtifactError, UsageError

from .artifact import Artifact, Config, TargetBuild
from .call import Call
from .devices import Device
from .entries import Entry
from .host import check_iree
from .inputs import checked_call
from .loaded import LoadedStage
from .memory.loading import Loading
from .memory.pages import MapSlab
from .sharing import SharedStages
from .targets import choose


class Session:
    """A model attached to devices of this process. A context manager.

    Calls from several threads go through the stages one after the other: a stage runs one call at a time. Weights that
    are not in memory yet are read in the order in which a forward pass needs them, while it runs.
    The arrays that `run` returns stay valid after `close`.

    Attributes:
        stages: those of the model, by name, in their order.
        loading: what brings in the weights that were not in memory.
    """

    def __init__(self, config: Config, stages: Mapping[str, LoadedStage], *, load: bool = True) -> None:
        """A session over stages that are loaded, by their names. It closes them."""
        self.stages = dict(stages)
        wirings = {wiring.method: wiring for wiring in config.wiring}
        methods = config.interface.methods
        self._entries = {method.name: Entry.of(method, wirings[method.name], self.stages) for method in methods}
        tables = {key for entry in self._entries.values() for key in entry.tables}
        self.loading = Loading(*(stage.slab(tables) for stage in stages.values()))
        if load:
            self.loading.start()
        self._default = methods[0].name
        self._closed = False

    @staticmethod
    def attach(
        artifact: Artifact,
        *,
        target: str | None = None,
        device: str | Mapping[str, str] | None = None,
        load: bool = True,
        map_slab: MapSlab | None = None,
        shared: SharedStages | None = None,
    ) -> "Session":
        """Maps the weights and loads the modules. The artifact may be closed afterwards.

        Loading runs native code of the artifact: open one from elsewhere with `check=True`, and run it in a sandbox.

        Args:
            artifact: what to attach.
            target: which of its builds; the first that this host can run by default.
            device: the IREE device, the target's own by default; for a model in several places, the device of each
                placement. Code for the CPU runs on `local-task` (threads) or `local-sync` (the calling thread); one of
                several GPUs is named like `vulkan://1`.
            load: read weights that are not in memory ahead of the calls; without it, somebody else decides what is.
            map_slab: how the weights of a stage get into memory; from their files by default.
            shared: stages that other sessions have too are loaded once; for artifacts that were checked.

        Raises:
            ArtifactError: no build for the target, or none that this host can run; an IREE version it was not compiled
                with, or a module that does not load.
            InfcError: there is no such device, or it is not one of the target's.
            UsageError: a device for a placement that the artifact has not.
        """
        check_iree(artifact.config.toolchain.iree, str(artifact.path))
        build = choose(artifact, target)
        devices = _devices(artifact, build, device)
        make = LoadedStage if shared is None else shared.load
        loaded: dict[str, LoadedStage] = {}
        try:
            for stage in build.stages:
                loaded[stage.stage] = make(artifact, stage, devices[stage.stage], map_slab)
        except BaseException:
            for each in loaded.values():
                each.close()
            raise
        session = Session(artifact.config, loaded, load=load)
        try:
            for stage in session.stages.values():
                stage.load()
        except BaseException:
            session.close()
            raise
        return session

    def run(self, inputs: Mapping[str, np.ndarray], method: str | None = None) -> dict[str, np.ndarray]:
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
            ExecutorFailed: the model itself failed; names the stage where there are several.
        """
        call = self.begin(inputs, method)
        for leg in call.entry.legs:
            call.advance(leg)
        return call.finish()

    def begin(self, inputs: Mapping[str, np.ndarray], method: str | None = None) -> Call:
        """A call before its first stage. What `run` takes and raises, but for what stages raise."""
        entry = self.entry(method)
        arrays, sizes = checked_call(entry.method, inputs)
        if entry.tables and self.loading.running:
            for table in entry.tables.values():
                table.want(arrays[table.place])
        return Call(entry, arrays, sizes)

    def entry(self, method: str | None = None) -> Entry:
        """An entry point by name, the first by default.

        Raises:
            ArtifactError: no such method.
        """
        found = self._entries.get(method or self._default)
        if self._closed:
            raise ValueError("the session is closed")
        if found is None:
            raise ArtifactError(f"no method {method!r}", hint=f"the model has {', '.join(self._entries)}")
        return found

    def release(self, chunks: Collection[str]) -> None:
        """Takes chunks of the weights out of this process's page tables; those of another model are left out.

        They come back when a call touches them: from the page cache, or from the disk where they left that too.

        Raises:
            InfcError: the kernel refuses.
        """
        for stage in self.stages.values():
            stage.release(chunks)

    def close(self) -> None:
        """Detaches the model. Its pages are unmapped when the last array that looks at them is gone."""
        if self._closed:
            return
        self._closed = True
        self.loading.stop()
        self._entries.clear()
        for stage in self.stages.values():
            stage.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _devices(artifact: Artifact, build: TargetBuild, said: str | Mapping[str, str] | None) -> dict[str, Device]:
    """The device of each stage."""
    placements = {stage.name: stage.placement for stage in artifact.config.stages}
    if isinstance(said, Mapping) and (unknown := sorted(set(said) - set(placements.values()))):
        raise UsageError(
            f"{artifact.path}: a device for placement {unknown[0]!r}, which the model has not",
            hint=f"its placements are {', '.join(dict.fromkeys(placements.values()))}",
        )
    found: dict[str, Device] = {}
    for stage in build.stages:
        uri = said.get(placements[stage.stage]) if isinstance(said, Mapping) else said
        found[stage.stage] = Device.open(stage.device, uri, f"{artifact.path}: target {stage.target!r}")
    return found
