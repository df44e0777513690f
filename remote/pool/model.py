"""A served model: what the pool knows of an artifact, and what it tells an executor of it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from infc.errors import ArtifactError

from ...runtime.artifact import DESCRIPTOR_MEDIA_TYPE, Artifact, Method, TargetBuild, TensorSpec, interface_digest
from ...runtime.artifact.wiring import stages_of
from ...runtime.shapes import resolve, sizes_of
from ...runtime.targets import choose, unverified
from ..oip.keys import METHOD_MARK
from .messages import Attach, Infer, Tensor
from .work import Work

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """A served model, and the one of its methods that a request means.

    `name` is what requests call it, `attached` what executors do: two methods of a model have two names and one
    attachment. `inputs` is what an executor is sent, `outputs` what it must answer with; in their shapes -1 stands
    for a size that a call chooses. `stages` is how many run the method here. `descriptor` is that of its typed service
    (`typed.py`), empty where it has none.
    """

    name: str
    attached: str
    digest: str
    interface: str
    path: str
    target: str
    methods: tuple[Method, ...]
    method: Method
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    stages: Mapping[str, int] = field(default_factory=dict[str, int])
    stored: str = ""
    load: bool = True
    slots: tuple[int, ...] = ()
    descriptor: bytes = b""

    @staticmethod
    def of(artifact: Artifact, *, stored: str = "", load: bool = True, allow_unverified: bool = False) -> "Model":
        """What the pool needs to know about an artifact, and which of its targets this host runs.

        Args:
            artifact: the model.
            stored: its name in the store that it comes from, which it is then served under; else empty.
            load: executors may bring all of its weights into memory.
            allow_unverified: serve also what was never compared with PyTorch.

        Raises:
            ArtifactError: it has none that this host can run, or none of those was compared with PyTorch and
                `allow_unverified` is not given.
        """
        methods = artifact.config.interface.methods
        build = choose(artifact)
        if build.verify is None:
            _unverified(artifact, build, allowed=allow_unverified)
        return Model(
            name=stored or artifact.config.name,
            attached=stored or artifact.config.name,
            digest=artifact.digest,
            interface=interface_digest(artifact.config.interface),
            path=str(artifact.path.resolve()),
            target=build.target,
            methods=methods,
            method=methods[0],
            inputs=_tensors(methods[0].inputs),
            outputs=_tensors(methods[0].outputs),
            stages={each.name: len(stages_of(artifact.config, each.name)) for each in methods},
            stored=stored,
            load=load,
            descriptor=_descriptor(artifact),
        )

    @property
    def attach(self) -> Attach:
        """What an executor is told to load it."""
        return Attach(self.attached, self.path, self.digest, self.target, self.stored, self.load, self.slots)

    def entries(self) -> "list[Model]":
        """The model once for each of its methods, by the methods' own names: `minilm:encode`."""
        return [
            replace(
                self,
                name=f"{self.attached}{METHOD_MARK}{method.name}",
                method=method,
                inputs=_tensors(method.inputs),
                outputs=_tensors(method.outputs),
            )
            for method in self.methods
        ]

    def work(self, inputs: Sequence[np.ndarray]) -> Work:
        """One call of the model with these inputs: checked, in the method's order, C-contiguous."""
        # Through uint8, because bfloat16 has no buffer format.
        data = [array.reshape(-1).view(np.uint8).data for array in inputs]
        sent, due = self.inputs, self.outputs
        if self.method.dims:
            sizes = sizes_of(self.method, inputs)
            sent = tuple(_tensor(spec, sizes) for spec in self.method.inputs)
            due = tuple(_tensor(spec, sizes) for spec in self.method.outputs)
        return Work(Infer(self.attached, self.method.name, sent), data, due)


def _descriptor(artifact: Artifact) -> bytes:
    if not any(layer.media_type == DESCRIPTOR_MEDIA_TYPE for layer in artifact.layers):
        return b""  # compiled before there were typed services
    return artifact.only(DESCRIPTOR_MEDIA_TYPE, "the typed service")


def _tensors(specs: Sequence[TensorSpec]) -> tuple[Tensor, ...]:
    return tuple(_tensor(spec, {}) for spec in specs)


def _tensor(spec: TensorSpec, sizes: Mapping[str, int]) -> Tensor:
    return Tensor(spec.name, spec.dtype, tuple(-1 if size is None else size for size in resolve(spec.shape, sizes)))


def _unverified(artifact: Artifact, build: TargetBuild, *, allowed: bool) -> None:
    what = f"{artifact.path}: target {build.target!r} was never compared with PyTorch: {unverified(build)}"
    if not allowed:
        raise ArtifactError(
            what,
            hint="`infc verify OUT.infc SRC -o OUT.infc` compares it here and writes that down; --allow-unverified "
            "serves it as it is",
        )
    _log.warning("%s; served because of --allow-unverified", what)
