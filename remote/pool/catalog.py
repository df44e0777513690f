"""What a pool serves: artifacts, or models of a store, opened once and kept open for as long as it serves them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from infc.errors import InfcError, UsageError

from ...runtime.artifact import Artifact
from ...runtime.memory.migrator import Migrator
from ...runtime.memory.policies import Foresight, make_policy
from ...runtime.memory.promotion import Promotion
from ...runtime.memory.residency import Residency
from ...runtime.store import Store
from ...runtime.targets import choose
from .controller import Model


def open_models(
    names: Sequence[Path], folder: Path | None, *, capacity: int | None, policy: str, allow_unverified: bool = False
) -> tuple[list[Model], Migrator]:
    """The models, and what keeps their weights.

    Files are hashed here, every byte: executors load their native code without hashing it again. Of a model in a store
    only the code is hashed here; its weights were when they came into the store, and are once more at the first call.

    Args:
        names: the artifacts' files; with a store, names in it, or none for all of its models.
        folder: the store.
        capacity: bytes of weights to keep in memory; None for all.
        policy: what decides which, as `make_policy` reads it.
        allow_unverified: take also what was never compared with PyTorch.

    Raises:
        ArtifactError: one is none, damaged, not for this host, or never compared with PyTorch.
        UsageError: no artifact and no store, or no such policy, or one that has to know the future.
        InfcError: two have one name.
    """
    if not names and folder is None:
        raise UsageError("nothing to serve", hint="`infc serve MODEL.infc`, or `infc serve --store DIR`")
    chosen = make_policy(policy)
    if isinstance(chosen, Foresight):
        raise UsageError(
            f"policy {policy!r} needs the future, which a pool does not know",
            hint="`infc memory simulate` compares it; a pool takes balanced, gdsf, lfu, lru, pin-prefix",
        )
    migrator = Migrator(Residency(capacity, chosen), policy=policy)
    models: list[Model] = []
    load = capacity is None  # else it is the migrator's to say what is in memory
    if folder is None:
        for path in names:
            artifact = Artifact.open(path, check=True)
            models.append(_keep(migrator, artifact, "", None, load=load, allow_unverified=allow_unverified))
        return _distinct(models), migrator
    store = Store(folder)
    for name in map(str, names or [Path(model.name) for model in store.models()]):
        artifact = store.open(name)
        artifact.check(weights=False)
        models.append(_keep(migrator, artifact, name, store, load=load, allow_unverified=allow_unverified))
    if not models:
        raise InfcError(f"the store {folder} has no models", hint="add one: `infc store add MODEL.infc --store DIR`")
    return _distinct(models), migrator


def _keep(
    migrator: Migrator, artifact: Artifact, name: str, store: Store | None, *, load: bool, allow_unverified: bool
) -> Model:
    model = Model.of(artifact, stored=name, load=load, allow_unverified=allow_unverified)
    chunks = [chunk for stage in choose(artifact).stages for chunk in stage.slab.chunks]
    mend = None if store is None else lambda chunk: store.mend(name, chunk)
    migrator.add(model.name, Promotion(artifact, chunks, checked=store is None, mend=mend), checked=store is None)
    return model


def _distinct(models: list[Model]) -> list[Model]:
    """The models, of which no two may have one name."""
    name, count = Counter(model.name for model in models).most_common(1)[0]
    if count > 1:
        same = ", ".join(model.path for model in models if model.name == name)
        raise InfcError(
            f"{count} artifacts have the name {name!r}: {same}", hint="compile one of them again with another --name"
        )
    return models
