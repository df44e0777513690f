"""A model in two parts: the stages that run in the application, and the rest, which a pool serves.

Both are configs of their own, with the values between them as outputs of the one and inputs of the other. What the
application was given stays in its process: the pool's part has no input of the model's.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, count

import msgspec

from infc.errors import ArtifactError

from .reader import Artifact
from .schema import Config, Dim, Edge, Interface, Method, Ref, TargetBuild, TensorSpec, Wiring
from .signature import Parameter, Tensor, Tuple

CLIENT = "client"  # the placement of the stages that run in the application


def is_split(config: Config) -> bool:
    """Whether some of its stages run in the application."""
    return any(stage.placement == CLIENT for stage in config.stages)


def served(config: Config) -> Config:
    """What a pool serves of the model: all of it, or the pool's part.

    Raises:
        ArtifactError: as for `pool_part`.
    """
    return pool_part(config) if is_split(config) else config


def pool_side(artifact: Artifact) -> Artifact:
    """The artifact as a pool sees it: with the config of `served`. It reads from the same open file.

    Raises:
        ArtifactError: as for `pool_part`.
    """
    return artifact.seen_as(pool_part(artifact.config)) if is_split(artifact.config) else artifact


def client_part(config: Config) -> Config:
    """What the application runs: from the model's inputs to the values that the pool reads.

    The names and values that both parts share are first among its outputs; then come outputs of the model that it gives
    itself, by their own names.

    Raises:
        ArtifactError: it is not split, or so that an input of the model, or a value of the pool's, would cross.
    """
    cuts = [_Cut(config, method, wiring) for method, wiring in _methods(config)]
    return _part(config, [(cut.client_method, cut.client_wiring) for cut in cuts], client=True)


def pool_part(config: Config) -> Config:
    """What the pool serves: from the values that the application gives to the model's outputs.

    Raises:
        ArtifactError: as for `client_part`.
    """
    cuts = [_Cut(config, method, wiring) for method, wiring in _methods(config)]
    return _part(config, [(cut.pool_method, cut.pool_wiring) for cut in cuts], client=False)


class _Cut:
    """One method, cut between the application and the pool."""

    def __init__(self, config: Config, method: Method, wiring: Wiring) -> None:
        here = {stage.name for stage in config.stages if stage.placement == CLIENT}
        self._method = method
        self._first = [step for step in wiring.steps if step.stage in here]
        self._rest = [step for step in wiring.steps if step.stage not in here]
        self._check(wiring, here)
        read = chain.from_iterable(step.inputs for step in self._rest)
        self._crossing = sorted({ref for ref in read if ref.stage in here}, key=lambda ref: (ref.stage, ref.number))
        own = [*zip(method.outputs, wiring.outputs, strict=True)]
        self._given_here = [(spec, ref) for spec, ref in own if ref.stage in here or not ref.stage]
        self._given_there = [(spec, ref) for spec, ref in own if ref.stage and ref.stage not in here]
        taken = {spec.name for spec in (*method.inputs, *method.outputs)}
        edges = {step.stage: step.outputs for step in self._first}
        self._values = [
            _spec(_free(f"{ref.stage}_{ref.number}", taken), edges[ref.stage][ref.number]) for ref in self._crossing
        ]

    @property
    def client_method(self) -> Method:
        outputs = (*self._values, *(spec for spec, _ in self._given_here))
        return _method(self._method, self._method.inputs, outputs)

    @property
    def client_wiring(self) -> Wiring:
        outputs = (*self._crossing, *(ref for _, ref in self._given_here))
        return Wiring(method=self._method.name, steps=tuple(self._first), outputs=outputs)

    @property
    def pool_method(self) -> Method:
        return _method(self._method, tuple(self._values), tuple(spec for spec, _ in self._given_there))

    @property
    def pool_wiring(self) -> Wiring:
        numbers = {ref: Ref(stage="", number=number) for number, ref in enumerate(self._crossing)}
        steps = tuple(
            msgspec.structs.replace(step, inputs=tuple(numbers.get(ref, ref) for ref in step.inputs))
            for step in self._rest
        )
        return Wiring(method=self._method.name, steps=steps, outputs=tuple(ref for _, ref in self._given_there))

    def _check(self, wiring: Wiring, here: set[str]) -> None:
        name = self._method.name
        if not self._first or not self._rest:
            whose = "the pool" if self._first else "the application"
            raise ArtifactError(f"method {name!r}: no stage of it runs in {whose}", hint=_HINT)
        for step in self._rest:
            for ref in step.inputs:
                if not ref.stage:
                    raise ArtifactError(
                        f"method {name!r}: stage {step.stage!r} runs in the pool and reads the input "
                        f"{self._method.inputs[ref.number].name!r}, which is to stay in the application",
                        hint=_HINT,
                    )
        for step in self._first:
            for ref in step.inputs:
                if ref.stage and ref.stage not in here:
                    raise ArtifactError(
                        f"method {name!r}: stage {step.stage!r} runs in the application and reads a value of "
                        f"{ref.stage!r}, which runs in the pool: nothing comes back",
                        hint=_HINT,
                    )
        if all(not ref.stage or ref.stage in here for ref in wiring.outputs):
            raise ArtifactError(f"method {name!r}: the pool computes none of its outputs", hint=_HINT)


_HINT = "cut it where all that comes before runs in the application: --split 'FIRST.MODULE:client;*:pool'"


def _methods(config: Config) -> Iterator[tuple[Method, Wiring]]:
    wirings = {wiring.method: wiring for wiring in config.wiring}
    return ((method, wirings[method.name]) for method in config.interface.methods)


def _part(config: Config, methods: Sequence[tuple[Method, Wiring]], *, client: bool) -> Config:
    stages = tuple(stage for stage in config.stages if (stage.placement == CLIENT) == client)
    names = {stage.name for stage in stages}
    return msgspec.structs.replace(
        config,
        interface=Interface(methods=tuple(method for method, _ in methods)),
        stages=stages,
        wiring=tuple(wiring for _, wiring in methods),
        targets=tuple(_target(build, names, compared=not client) for build in config.targets),
        memory_plan=tuple(step for step in config.memory_plan if step.stage in names),
    )


def _target(build: TargetBuild, names: set[str], *, compared: bool) -> TargetBuild:
    stages = tuple(stage for stage in build.stages if stage.stage in names)
    if compared:  # the report is that of the whole model, of which the pool gives the outputs
        return msgspec.structs.replace(build, stages=stages)
    return msgspec.structs.replace(build, stages=stages, verify=None, skipped=True, candidates=())


def _method(whole: Method, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> Method:
    sizes = {size for spec in (*inputs, *outputs) for size in spec.shape}
    dims: tuple[Dim, ...] = tuple(dim for dim in whole.dims if dim.name in sizes)
    return Method(
        name=whole.name,
        inputs=inputs,
        outputs=outputs,
        takes=tuple(Parameter(spec.name, "either", True, Tensor(spec.name)) for spec in inputs),
        returns=Tuple(tuple(Tensor(spec.name) for spec in outputs)),
        dims=dims,
    )


def _spec(name: str, edge: Edge) -> TensorSpec:
    return TensorSpec(name=name, dtype=edge.dtype, shape=edge.shape)


def _free(name: str, taken: set[str]) -> str:
    return next(each for each in chain([name], (f"{name}_{number}" for number in count(2))) if each not in taken)
