"""How values go from stage to stage: made for a model of one stage, and checked for any."""

from collections.abc import Iterator, Mapping, Sequence

from .schema import UNKNOWN, Config, Edge, Method, Ref, Stage, Step, TensorSpec, Wiring


def one_stage(method: Method, stage: str) -> Wiring:
    """The wiring of a method that one stage runs as a whole."""
    step = Step(
        stage=stage,
        inputs=tuple(Ref(stage="", number=number) for number in range(len(method.inputs))),
        outputs=tuple(map(edge, method.outputs)),
    )
    outputs = tuple(Ref(stage=stage, number=number) for number in range(len(method.outputs)))
    return Wiring(method=method.name, steps=(step,), outputs=outputs)


def edge(spec: TensorSpec) -> Edge:
    """What an input or output is, without its name."""
    return Edge(dtype=spec.dtype, shape=spec.shape)


def stages_of(config: Config, method: str) -> tuple[str, ...]:
    """The stages that run a method, in their order."""
    return tuple(step.stage for wiring in config.wiring if wiring.method == method for step in wiring.steps)


def wiring_faults(stages: Sequence[Stage], methods: Sequence[Method], wirings: Sequence[Wiring]) -> Iterator[str]:
    """What is wrong with the wiring of an artifact, each a sentence; nothing where all is well."""
    by_name = {method.name: method for method in methods}
    if len(wirings) != len(by_name) or {wiring.method for wiring in wirings} != set(by_name):
        yield f"wiring is of {[wiring.method for wiring in wirings]}, the methods are {list(by_name)}"
        return
    used = {step.stage for wiring in wirings for step in wiring.steps}
    names = {stage.name for stage in stages}
    for unknown in sorted(used - names):
        yield f"wiring runs stage {unknown!r}, which does not exist"
    for idle in sorted(names - used):
        yield f"stage {idle!r} is in no method's wiring"
    for wiring in wirings:
        for fault in _faults(by_name[wiring.method], wiring):
            yield f"wiring of {wiring.method!r}: {fault}"


def _faults(method: Method, wiring: Wiring) -> Iterator[str]:
    known: dict[str, tuple[Edge, ...]] = {"": tuple(map(edge, method.inputs))}
    later = {step.stage for step in wiring.steps}
    if not later:
        yield "it has no steps"
    dims = {dim.name for dim in method.dims} | {UNKNOWN}
    for step in wiring.steps:
        if not step.stage or step.stage in known:
            yield f"stage {step.stage!r} runs twice, or has no name"
            return
        for ref in step.inputs:
            if fault := _missing(ref, known, later):
                yield f"stage {step.stage!r} reads {fault}"
        for number, each in enumerate(step.outputs):
            strange = [size for size in each.shape if isinstance(size, str) and size not in dims]
            if strange or any(isinstance(size, int) and size < 0 for size in each.shape):
                yield f"output {number} of stage {step.stage!r} has the shape {list(each.shape)}"
        known[step.stage] = step.outputs
    if len(wiring.outputs) != len(method.outputs):
        yield f"it has {len(wiring.outputs)} outputs, the method {len(method.outputs)}"
        return
    for ref, spec in zip(wiring.outputs, method.outputs, strict=True):
        if fault := _missing(ref, known, set()):
            yield f"output {spec.name!r} is {fault}"
            continue
        found = known[ref.stage][ref.number]
        if found != edge(spec):
            given, wanted = (f"{each.dtype}{list(each.shape)}" for each in (found, spec))
            yield f"output {spec.name!r} is given as {given}, the interface says {wanted}"


def _missing(ref: Ref, known: Mapping[str, Sequence[Edge]], later: set[str]) -> str:
    """Why there is no such value yet; empty when there is."""
    if ref.stage in known:
        count = len(known[ref.stage])
        whose = f"stage {ref.stage!r}" if ref.stage else "the method's inputs"
        return "" if 0 <= ref.number < count else f"value {ref.number} of {whose}, of which there are {count}"
    if ref.stage in later:
        return f"a value of stage {ref.stage!r}, which does not run before it: stages must not form a cycle"
    return f"a value of stage {ref.stage!r}, which does not run"
