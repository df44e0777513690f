"""What a pool serves: artifacts, or models of a store, opened once and kept open for as long as it serves them."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from infc.errors import InfcError, UsageError

from ...runtime.artifact import CHUNK_SIZE, Artifact
from ...runtime.artifact.parts import pool_side
from ...runtime.memory.arena_backend import ArenaBacked
from ...runtime.memory.migrator import Migrator
from ...runtime.memory.paged import PagedArena
from ...runtime.memory.policies import DEFAULT, Foresight, make_policy
from ...runtime.memory.promotion import Promotion
from ...runtime.memory.residency import Residency
from ...runtime.store import Store
from ...runtime.targets import CPU_DEVICE, choose
from .model import Model

_log = logging.getLogger(__name__)

_SPARE = 16  # one in so many bytes of an arena's memory are frames that were emptied, for what comes next


@dataclass(frozen=True)
class Keeping:
    """How the weights of the models are kept.

    Attributes:
        capacity: bytes of them to keep in memory; None for all.
        policy: what decides which, as `make_policy` reads it.
        paged: the arena that they are kept in; None for the page cache.
    """

    capacity: int | None = None
    policy: str = DEFAULT
    paged: PagedArena | None = None

    @property
    def kept(self) -> int | None:
        """Bytes of chunks to keep: the capacity less what the arena has to spare."""
        if self.capacity is None or self.paged is None:
            return self.capacity
        return self.capacity - self.paged.spare_bytes


def open_arena(capacity: int | None) -> PagedArena | None:
    """The paged arena of this host; None, said in the log, where there is none, and files have to do.

    Args:
        capacity: bytes that it may hold; a part of them are frames that wait for the next chunk.
    """
    try:
        paged = PagedArena(spares=(capacity or 0) // _SPARE // CHUNK_SIZE)
    except InfcError as error:
        _log.warning("no arena, weights are mapped from their files: %s", error)
        return None
    pages = "huge pages" if paged.arena.huge else "small pages, because huge ones need CAP_SYS_ADMIN"
    _log.info("weights are in an arena of %s, filled by pager %d", pages, paged.pid)
    return paged


def open_models(
    names: Sequence[Path], folder: Path | None, keeping: Keeping, *, allow_unverified: bool = False
) -> tuple[list[Model], Migrator]:
    """The models, and what keeps their weights.

    Files are hashed here, every byte: executors load their native code without hashing it again. Of a model in a store
    only the code is hashed here; its weights were when they came into the store, and are once more at the first call.

    Args:
        names: the artifacts' files; with a store, names in it, or none for all of its models.
        folder: the store.
        keeping: see there.
        allow_unverified: take also what was never compared with PyTorch.

    Raises:
        ArtifactError: one is none, damaged, not for this host, or never compared with PyTorch.
        UsageError: no artifact and no store, or no such policy, or one that has to know the future.
        InfcError: two have one name.
    """
    if not names and folder is None:
        raise UsageError("nothing to serve", hint="`infc serve MODEL.infc`, or `infc serve --store DIR`")
    chosen = make_policy(keeping.policy)
    if isinstance(chosen, Foresight):
        raise UsageError(
            f"policy {keeping.policy!r} needs the future, which a pool does not know",
            hint="`infc memory simulate` compares it; a pool takes balanced, gdsf, lfu, lru, pin-prefix",
        )
    migrator = Migrator(Residency(keeping.kept, chosen), policy=keeping.policy)
    models: list[Model] = []
    if folder is None:
        for path in names:
            artifact = pool_side(Artifact.open(path, check=True))
            model = Model.of(artifact, load=_loads(keeping), allow_unverified=allow_unverified)
            models.append(_keep(migrator, model, artifact, keeping, None))
        return _distinct(models), migrator
    store = Store(folder)
    for name in map(str, names or [Path(model.name) for model in store.models()]):
        artifact = store.open(name)
        artifact.check(weights=False)
        artifact = pool_side(artifact)
        model = Model.of(artifact, stored=name, load=_loads(keeping), allow_unverified=allow_unverified)
        models.append(_keep(migrator, model, artifact, keeping, store))
    if not models:
        raise InfcError(f"the store {folder} has no models", hint="add one: `infc store add MODEL.infc --store DIR`")
    return _distinct(models), migrator


def _loads(keeping: Keeping) -> bool:
    """Whether executors may bring in weights by themselves; else it is the migrator's to say what is in memory."""
    return keeping.capacity is None and keeping.paged is None


def _keep(migrator: Migrator, model: Model, artifact: Artifact, keeping: Keeping, store: Store | None) -> Model:
    build = choose(artifact)
    chunks = [chunk for stage in build.stages for chunk in stage.slab.chunks]
    # A driver that copies weights to its device reads them in the kernel, where nobody waits for a pager.
    paged = keeping.paged if all(stage.device == CPU_DEVICE for stage in build.stages) else None
    mend = None if store is None else lambda chunk: store.mend(model.name, chunk)
    backend = None if paged is None else ArenaBacked(paged, artifact, chunks)
    source = Promotion(artifact, chunks, checked=store is None, mend=mend, backend=backend)
    migrator.add(model.name, source, checked=store is None, loaded=paged is None)
    return model if paged is None else replace(model, slots=paged.slots(artifact, chunks))


def _distinct(models: list[Model]) -> list[Model]:
    """The models, of which no two may have one name."""
    name, count = Counter(model.name for model in models).most_common(1)[0]
    if count > 1:
        same = ", ".join(model.path for model in models if model.name == name)
        raise InfcError(
            f"{count} artifacts have the name {name!r}: {same}", hint="compile one of them again with another --name"
        )
    return models
