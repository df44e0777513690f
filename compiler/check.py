"""An artifact that exists against a source that can be run."""

import msgspec

from infc.errors import VerifyError

from ..runtime.artifact import Artifact, Method, VerifyReport
from ..runtime.targets import choose, obstacle
from .doors import Request, read_source
from .export import export
from .verify import verify


def check_against(
    artifact: Artifact, source: str, request: Request, *, trials: int, seed: int
) -> dict[str, VerifyReport]:
    """Compare every target that this host can run with `source` in PyTorch, on `trials` random inputs.

    Raises:
        SourceError: the source cannot be read or exported.
        VerifyError: interfaces or numbers differ.
        ArtifactError: this host can run none of the targets.
    """
    program = export(read_source(source, request))
    method = artifact.method()
    # Which inputs may be given by position is not compared: a .pt2 knows less of it than the module it was made from.
    if msgspec.structs.replace(program.method, positional=method.positional) != method:
        raise VerifyError(
            f"{source} has another interface than the artifact: {_signature(program.method)}, not {_signature(method)}",
            hint="is it the model that the artifact was compiled from? compile it again",
        )
    choose(artifact)
    return {
        build.target: verify(artifact, program, trials=trials, seed=seed, target=build.target)
        for build in artifact.config.targets
        if not obstacle(build)
    }


def _signature(method: Method) -> str:
    inputs = ", ".join(f"{s.name}: {s.dtype}{list(s.shape)}" for s in method.inputs)
    outputs = ", ".join(f"{s.name}: {s.dtype}{list(s.shape)}" for s in method.outputs)
    return f"({inputs}) -> ({outputs})"
