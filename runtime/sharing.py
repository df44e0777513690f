"""Stages that several models of one process have in common: loaded once, by their digest, and counted."""

from threading import Lock

from .artifact import Artifact, StageBuild, stage_digest
from .devices import Device
from .loaded import LoadedStage
from .memory.pages import MapSlab


class SharedStages:
    """The stages of a process's models: two models whose backbone is the same run the same one.

    A stage is its digest: machine code, weights, target, IREE's version, and the device that it is on. It is loaded for
    the first session that needs it, and detached when the last one is closed, in whatever order. Its lock is one too: a
    stage runs one call at a time, whichever model the call is for.

    A digest says what an artifact claims: share among artifacts whose blobs were hashed, as those that a pool serves,
    and within one trust domain.
    """

    def __init__(self) -> None:
        self._stages: dict[tuple[str, str], LoadedStage] = {}
        self._changing = Lock()

    def load(
        self, artifact: Artifact, build: StageBuild, device: Device, map_slab: MapSlab | None = None
    ) -> LoadedStage:
        """The stage, mapped if no other session has it. Each `load` wants one `close` of what it returns.

        `map_slab` as for `Session.attach`.

        Raises:
            ArtifactError: a blob is missing or cannot be mapped.
        """
        key = stage_digest(build, artifact.config.toolchain), device.uri
        with self._changing:
            held = self._stages.get(key)
            if held is not None and held.join():
                return held
            self._stages[key] = LoadedStage(artifact, build, device, map_slab)
            return self._stages[key]

    def __len__(self) -> int:
        """How many different stages are loaded."""
        with self._changing:
            self._stages = {key: stage for key, stage in self._stages.items() if stage.users}
            return len(self._stages)
