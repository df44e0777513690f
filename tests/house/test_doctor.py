"""`infc doctor`: what it reports, and when it fails."""

import json
import subprocess
import sys
from importlib import metadata

import pytest
from click.testing import CliRunner

from infc import doctor
from infc.doctor import Package, packages
from infc.errors import InfcError, RemoteError


def test_json_report() -> None:
    command = [sys.executable, "-m", "infc", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env={"INFC_POOL": ""})
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["infc"] == metadata.version("infc")
    assert report["pool"] is None
    installed = {package["name"]: package["installed"] for package in report["packages"]}
    assert installed["numpy"] == metadata.version("numpy")
    assert installed["torch"] == metadata.version("torch")
    assert report["processor"]["cores"] >= 1
    assert {"local-sync", "local-task"} <= {each["driver"] for each in report["devices"] if each["devices"]}
    assert "landlock" in {each["name"] for each in report["kernel"]}


def test_tables_name_every_section() -> None:
    result = CliRunner().invoke(doctor.doctor, [], env={"INFC_POOL": ""})
    assert result.exit_code == 0, result.output
    for title in ("Packages", "Devices", "Kernel", "torch-mlir", "userfaultfd"):
        assert title in result.stdout


def with_versions(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> dict[str, Package]:
    """What `packages` says when some packages have another version, or none."""
    real = doctor._installed
    versions = {name.replace("_", "-"): value for name, value in changed.items()}
    monkeypatch.setattr(doctor, "_installed", lambda name: versions[name] if name in versions else real(name))
    return {package.name: package for package in packages()}


def test_what_is_installed_here_fits() -> None:
    assert [package.name for package in packages() if package.violated] == []


def test_a_violated_pin_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = with_versions(monkeypatch, iree_base_runtime="3.12.0")
    assert found["iree-base-runtime"].violated
    assert [name for name, package in found.items() if package.violated] == ["iree-base-runtime"]


def test_a_local_build_of_the_pinned_version_is_no_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not with_versions(monkeypatch, torch="2.13.0+cu130")["torch"].violated


def test_an_extra_that_is_not_in_use_pins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = with_versions(monkeypatch, torch="2.4.0", torch_mlir=None)
    assert not found["torch"].violated
    assert found["torch-mlir"].installed is None


def test_a_violated_pin_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with_versions(monkeypatch, msgspec="0.1")
    result = CliRunner().invoke(doctor.doctor, ["--json"], env={"INFC_POOL": ""})
    assert json.loads(result.stdout)["packages"]
    assert isinstance(result.exception, InfcError)
    assert result.exception.message == "msgspec 0.1 is installed, expected ==0.22.0"
    assert result.exception.hint == "pip install 'infc[pool]' 'msgspec==0.22.0'"


@pytest.mark.parametrize("arguments", [["--pool", "127.0.0.1:1"], []])
def test_a_pool_that_is_not_there_fails_the_command(arguments: list[str]) -> None:
    result = CliRunner().invoke(doctor.doctor, [*arguments, "--json"], env={"INFC_POOL": "127.0.0.1:1"})
    assert json.loads(result.stdout)["pool"]["ready"] is False
    assert isinstance(result.exception, RemoteError)
    assert "127.0.0.1:1" in result.exception.message
    assert "infc serve" in result.exception.hint


def test_what_is_no_address_is_said_so() -> None:
    result = CliRunner().invoke(doctor.doctor, ["--pool", "nonsense", "--json"])
    assert isinstance(result.exception, RemoteError)
    assert "'nonsense' is no address" in result.exception.message


# In a process of its own: what other tests left running here opens and closes descriptors too.
PROBES = """
import os
from infc import host
host.kernel_features()
before = os.listdir("/proc/self/fd")
host.kernel_features()
assert os.listdir("/proc/self/fd") == before
"""


def test_probing_leaves_no_descriptor_open() -> None:
    subprocess.run([sys.executable, "-c", PROBES], check=True)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_limit_that_is_no_time_is_refused(seconds: str) -> None:
    result = CliRunner().invoke(doctor.doctor, ["--pool", "127.0.0.1:1", "--timeout", seconds])
    assert result.exit_code == 2
    assert "--timeout" in result.stderr
    assert seconds in result.stderr
