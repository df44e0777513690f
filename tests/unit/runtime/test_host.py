"""Refusing what this machine or this installation cannot run."""

import platform

import pytest

from infc.errors import ArtifactError
from infc.runtime import host


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU with the kernel's names for a few features."""
    kernel = "fpu lm pni sse4_1 sse4_2 abm bmi1 avx2 avx512f avx512_vnni avx_vnni sha_ni rdrand"
    monkeypatch.setattr(host, "cpu_features", lambda: frozenset(name.replace("_", "") for name in kernel.split()))


@pytest.mark.usefixtures("cpu")
def test_llvms_names_are_understood() -> None:
    assert not host.cpu_obstacle(platform.machine(), ())
    names = ("x87", "64bit", "sse3", "sse4.1", "sse4.2", "crc32", "lzcnt", "bmi", "avx2")
    assert not host.cpu_obstacle(platform.machine(), (*names, "avx512f", "evex512", "avx512vnni", "sha"))


@pytest.mark.usefixtures("cpu")
def test_what_is_missing_is_named_and_an_unknown_name_is_missing() -> None:
    reason = host.cpu_obstacle(platform.machine(), ("avx2", "amx-tile", "new"))
    assert reason == "compiled for a CPU with amx-tile, new, which this one has not"


def test_another_processor_is_an_obstacle_even_without_features() -> None:
    assert host.cpu_obstacle("vax", ()) == f"compiled for vax, this machine is {platform.machine()}"


def test_this_machine_has_something() -> None:
    assert {"fpu", "asimd"} & host.cpu_features()


def test_iree_versions_are_equal_or_refused() -> None:
    host.check_iree(host.iree_version(), "m.infc")
    with pytest.raises(ArtifactError, match=r"m\.infc: compiled with IREE 1\.0, the installed runtime is"):
        host.check_iree("1.0", "m.infc")
