"""The policy of docs/guides/policy.md: installed like any package, it runs as the page says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "guides" / "policy.md"


def code(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """What pip leaves of a package: its module, and a folder with its entry points."""
    group, line = re.findall(r'"(infc\.memory_policies)"\]\n(.*)\n', code("toml"))[0]
    (tmp_path / "my_policies.py").write_text(code("python"))
    info = tmp_path / "my_policies-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-policies\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{line.replace(chr(34), '')}\n")
    return tmp_path


def simulate(path: Path, *policies: str) -> subprocess.CompletedProcess[str]:
    trace = "zipf:models=30,requests=400,rate=1"
    options = ["--tier", "device=4GB:1TB/s", "--tier", "disk=all:2GB/s", "--chunk", "64MiB", "--json"]
    command = [sys.executable, "-m", "infc", "memory", "simulate", "--trace", trace, *options]
    for policy in policies:
        command += ["--policy", policy]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": str(path)}, capture_output=True, text=True)


def test_the_policy_is_short() -> None:
    assert len(code("python").strip().splitlines()) < 30


def test_the_page_s_policy_runs_beside_the_shipped_ones(installed: Path) -> None:
    done = simulate(installed, "grace:grace=30", "lru")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert [each["policy"] for each in results] == ["grace:grace=30", "lru"]
    assert results[0]["tiers"][0]["evictions"] > 0
    assert results[0]["reload"] != results[1]["reload"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("grace = my_policies:Missing", "policy 'grace' (my_policies:Missing) cannot be loaded"),
        ("grace = nothing_there:Grace", "policy 'grace' (nothing_there:Grace) cannot be loaded"),
        ("grace = my_policies:Access", "policy 'grace'"),
        ("grace = builtins:dict", "policy 'grace' is a dict, which lacks touched, placed, removed, victim"),
        ("lru = my_policies:Grace", "policy 'lru' is defined more than once, by my_policies:Grace"),
    ],
)
def test_an_entry_point_that_is_wrong_is_named(installed: Path, entry: str, message: str) -> None:
    (installed / "my_policies-0.1.dist-info" / "entry_points.txt").write_text(f"[infc.memory_policies]\n{entry}\n")
    done = simulate(installed, entry.partition(" ")[0])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert "Traceback" not in done.stderr
