"""Which of an artifact's targets this host runs, and why it does not run the others."""

from typing import Any

from infc.errors import ArtifactError

from .artifact import Artifact, StageBuild, TargetBuild
from .host import cpu_obstacle

# What IREE's status codes become in Python.
STATUS_ERRORS = (ValueError, RuntimeError, LookupError, MemoryError, OSError, TypeError)

CPU_DEVICE = "local-task"


def obstacle(build: TargetBuild) -> str:
    """Why this host cannot run the build; empty when it can. Loads nothing of it."""
    return next(filter(None, map(_stage_obstacle, build.stages)), "")


def _stage_obstacle(stage: StageBuild) -> str:
    return cpu_obstacle(stage.machine, stage.features) or missing_device(stage.device)


def unverified(build: TargetBuild) -> str:
    """Why the build was not compared with PyTorch; empty when it was."""
    if build.verify is not None:
        return ""
    return "compiled with --no-verify" if build.skipped else "it could not run where it was compiled"


def choose(artifact: Artifact, target: str | None = None) -> TargetBuild:
    """The build that this host runs: the one for `target`, else the first of those that it can run.

    The order is the artifact's, but what was compared with PyTorch goes before what was not.

    Raises:
        ArtifactError: the artifact was not compiled for `target`, or this host runs none of what is asked for.
    """
    builds = artifact.config.targets if target is None else (artifact.build(target),)
    reasons: list[str] = []
    for build in sorted(builds, key=lambda each: each.verify is None):
        reason = obstacle(build)
        if not reason:
            return build
        reasons.append(f"target {build.target!r} is {reason}")
    why = "; ".join(reasons) or "it has no target"
    raise ArtifactError(
        f"{artifact.path}: {why if target else f'nothing in it runs on this machine: {why}'}",
        hint="compile it again with --target cpu on this machine, or run it on one that it was compiled for",
    )


def missing_device(device: str) -> str:
    """Why no IREE device of this kind is here; empty when there is one."""
    if device == CPU_DEVICE:
        return ""
    import iree.runtime

    rt: Any = iree.runtime  # its stubs are incomplete
    if device not in rt.query_available_drivers():
        return f"for {device}, which this IREE has no driver for"
    try:
        found = rt.get_driver(device).query_available_devices()
    except STATUS_ERRORS:  # no loader, no driver of the vendor's, no permission
        found = []
    return "" if found else f"for {device}, and this machine has no such device"
