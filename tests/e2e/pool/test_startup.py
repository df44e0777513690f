"""What a pool refuses to start with: one error, one hint, no traceback, nothing on stdout, no process left."""

import socket
from pathlib import Path

import numpy as np
import pytest

from support.artifacts import LINEAR, linear_weights, weight, write_artifact, write_linear_artifact
from support.pool import serving, start

ARTIFACT, REMOTE, OTHER, USAGE = 5, 7, 1, 2


def failure(*arguments: object) -> tuple[int, str]:
    """Exit status and stderr of a pool that must not start."""
    process = start(*arguments)
    assert process.stdout is not None
    if line := process.stdout.readline():
        process.kill()
        process.wait()
        raise AssertionError(f"it did start: {line}")
    _, log = process.communicate()
    assert "Traceback" not in log
    assert "hint:" in log
    return process.returncode, log


def test_port_in_use(linear_artifact: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, log = failure(linear_artifact, "--listen", f"127.0.0.1:{port}")
    assert code == REMOTE
    assert f"error: cannot listen on 127.0.0.1:{port}: Address already in use" in log


def test_two_pools_do_not_share_a_port(linear_artifact: Path) -> None:
    with serving(linear_artifact) as running:
        code, log = failure(linear_artifact, "--listen", running.address)
        assert code == REMOTE
        assert "Address already in use" in log
        assert running.call("ServerReady").ready


def test_unix_socket_in_use(linear_artifact: Path, tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'pool.sock'}"
    with serving(linear_artifact, listen=address) as running:
        code, log = failure(linear_artifact, "--listen", address)
        assert (code, "Address already in use" in log) == (REMOTE, True)
        assert running.call("ServerReady").ready


def test_a_file_is_not_replaced_by_a_unix_socket(linear_artifact: Path, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    code, log = failure(linear_artifact, "--listen", f"unix:{path}")
    assert (code, "a file that is no socket is there" in log) == (REMOTE, True)
    assert path.read_text() == "data"


@pytest.mark.parametrize(
    "listen", ["8500", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", ":8500", "unix:", "http://localhost:1", "::1:85"]
)
def test_addresses_that_are_none(linear_artifact: Path, listen: str) -> None:
    code, log = failure(linear_artifact, "--listen", listen)
    assert code == OTHER
    assert f"cannot listen on {listen!r}: expected HOST:PORT" in log


@pytest.mark.parametrize("listen", ["203.0.113.1:0", "no-such-host.invalid:0", "unix:/no/such/directory/socket"])
def test_addresses_of_other_machines(linear_artifact: Path, listen: str) -> None:
    code, log = failure(linear_artifact, "--listen", listen)
    assert (code, f"cannot listen on {listen}: " in log) == (REMOTE, True)


@pytest.mark.parametrize("size", ["0", "3GiB", "ten", "-1", "1.5M"])
def test_sizes_that_are_none(linear_artifact: Path, size: str) -> None:
    code, log = failure(linear_artifact, "--max-message", size)
    assert (code, repr(size) in log) == (USAGE, True)


def test_truncated_artifact(linear_artifact: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.infc"
    broken.write_bytes(linear_artifact.read_bytes()[:-9000])
    code, log = failure(broken)
    assert (code, str(broken) in log) == (ARTIFACT, True)


def test_a_flipped_bit_in_the_weights(linear_artifact: Path, tmp_path: Path) -> None:
    data = bytearray(linear_artifact.read_bytes())
    data[data.index(linear_weights()["w"].tobytes())] ^= 1
    broken = tmp_path / "broken.infc"
    broken.write_bytes(data)
    code, log = failure(broken)
    assert (code, "was changed" in log) == (ARTIFACT, True)


def test_a_file_that_is_no_artifact(tmp_path: Path) -> None:
    broken = tmp_path / "notes.infc"
    broken.write_text("not an artifact\n" * 1000)
    assert failure(broken)[0] == ARTIFACT


def test_no_such_file(tmp_path: Path) -> None:
    code, log = failure(tmp_path / "nothing.infc")
    assert (code, "nothing.infc" in log) == (ARTIFACT, True)


def test_a_module_that_does_not_load(tmp_path: Path) -> None:
    weights = [weight(key, array) for key, array in linear_weights().items()]
    broken = write_artifact(tmp_path / "broken.infc", "broken", LINEAR, b"\x00" * 4096, weights)
    code, log = failure(broken, "--listen", "127.0.0.1:0")
    assert (code, str(broken) in log) == (ARTIFACT, True)


def test_an_artifact_of_another_iree(linear_artifact: Path, tmp_path: Path) -> None:
    old = write_linear_artifact(tmp_path / "old.infc", name="old", iree="3.0.0")
    code, log = failure(linear_artifact, old, "--listen", "127.0.0.1:0")
    assert (code, "3.0.0" in log) == (ARTIFACT, True)


def test_two_models_of_one_name(linear_artifact: Path, tmp_path: Path) -> None:
    other = write_linear_artifact(tmp_path / "other.infc", seed=1)
    code, log = failure(linear_artifact, other)
    assert code == OTHER
    assert "2 artifacts have the name 'linear'" in log
    assert str(other) in log


def test_nothing_of_the_working_directory_is_imported(
    linear_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    with serving(linear_artifact) as running:
        assert running.infer("linear", x=np.zeros((2, 8), np.float32))["output_0"].shape == (2, 4)


@pytest.mark.parametrize("option", [("--deadline", "nan"), ("--deadline", "0"), ("--drain", "inf")])
def test_a_limit_that_is_no_time(linear_artifact: Path, option: tuple[str, str]) -> None:
    code, log = failure(linear_artifact, *option)
    assert (code, f"Invalid value for '{option[0]}'" in log) == (USAGE, True)
