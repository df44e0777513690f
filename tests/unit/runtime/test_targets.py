"""Which target a host runs: the artifact's order, verified ones first, and a reason for each that it does not run."""

import platform
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from infc.errors import ArtifactError, InfcError
from infc.runtime import targets
from infc.runtime.artifact import (
    MODULE_MEDIA_TYPE,
    PAGE_SIZE,
    Artifact,
    ArtifactWriter,
    Config,
    Device,
    ModuleBuild,
    Slab,
    StageBuild,
    TargetBuild,
    VerifyReport,
)
from infc.runtime.session import Session

from support.artifacts import write_linear_artifact
from support.configs import MODELS

HERE = platform.machine()
ELSEWHERE = "aarch64" if HERE != "aarch64" else "x86_64"
CODE = b"no code"
REPORT = VerifyReport(trials=3, seed=0, outputs=(), left_out=())


def build(
    name: str, machine: str = HERE, device: Device = "local-task", *, verify: VerifyReport | None = None
) -> TargetBuild:
    """A build of a stage whose code is none."""
    module = ModuleBuild(method="main", module=f"sha256:{sha256(CODE).hexdigest()}", size=len(CODE))
    stage = StageBuild(
        stage="main",
        target=name,
        device=device,
        machine=machine,
        features=(),
        modules=(module,),
        slab=Slab(length=0, alignment=PAGE_SIZE, chunks=(), weights=()),
    )
    return TargetBuild(target=name, stages=(stage,), verify=verify, skipped=False)


def artifact_with(path: Path, *builds: TargetBuild) -> Artifact:
    """An artifact of nothing but a config with these targets."""
    config: Config = msgspec.structs.replace(MODELS["tensor"], targets=builds)
    with ArtifactWriter(path) as writer:
        writer.add_blob(CODE, MODULE_MEDIA_TYPE)
        writer.finish(config)
    return Artifact.open(path)


def test_the_first_that_runs_here_is_chosen_and_what_was_verified_goes_first(tmp_path: Path) -> None:
    with artifact_with(tmp_path / "a.infc", build("far", ELSEWHERE), build("one"), build("two")) as artifact:
        assert targets.choose(artifact).target == "one"
        assert targets.choose(artifact, "two").target == "two"
    with artifact_with(tmp_path / "b.infc", build("one"), build("two", verify=REPORT)) as artifact:
        assert targets.choose(artifact).target == "two"


def test_an_artifact_with_nothing_for_this_host_says_why_for_each_target(tmp_path: Path) -> None:
    artifact = artifact_with(tmp_path / "a.infc", build("far", ELSEWHERE), build("apple", "", "metal"))
    with artifact, pytest.raises(ArtifactError) as caught:
        targets.choose(artifact)
    assert f"target 'far' is compiled for {ELSEWHERE}, this machine is {HERE}" in caught.value.message
    assert "target 'apple' is for metal, which this IREE has no driver for" in caught.value.message
    assert "--target cpu" in caught.value.hint


def test_code_for_another_processor_is_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_linear_artifact(tmp_path / "m.infc")
    monkeypatch.setattr(platform, "machine", lambda: ELSEWHERE)
    with Artifact.open(path) as artifact, pytest.raises(ArtifactError, match=f"compiled for {HERE}"):
        Session.attach(artifact)


def test_code_for_no_processor_is_inconsistent(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="machine is empty"):
        artifact_with(tmp_path / "a.infc", build("cpu", ""))


def test_a_device_of_another_target_is_refused(tmp_path: Path) -> None:
    artifact = Artifact.open(write_linear_artifact(tmp_path / "m.infc"))
    with artifact, pytest.raises(InfcError, match="target 'cpu' does not run on device 'vulkan'"):
        Session.attach(artifact, device="vulkan")
