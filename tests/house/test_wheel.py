"""The wheel holds exactly what git holds of the packages, and works without the repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("codegen", "compiler", "dialects", "passes", "remote", "runtime")


def git(*arguments: str, index: Path | None = None) -> str:
    environment = {**os.environ, "GIT_INDEX_FILE": str(index)} if index else None
    done = subprocess.run(["git", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The files of the repository in a folder of their own, and their names: tracked, or new and not ignored."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = git("ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate").split("\n")
    names = [name for name in names if name and ((ROOT / name).exists() or (ROOT / name).is_symlink())]
    folder = tmp_path_factory.mktemp("sources")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to((ROOT / name).readlink() if (ROOT / name).is_symlink() else ROOT / name)
    return folder, names


@pytest.fixture(scope="module")
def wheel(sources: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, _ = sources
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_files(wheel: Path, sources: tuple[Path, list[str]]) -> None:
    _, names = sources
    expected = {name.removeprefix("src/") for name in names if name.startswith("src/infc/")}
    expected -= {f"infc/{package}" for package in PACKAGES}  # the links themselves
    expected |= {f"infc/{name}" for name in names if name.startswith(tuple(f"{package}/" for package in PACKAGES))}
    found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert found == expected


def test_kinds_of_files(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "infc/py.typed" in names
    for suffix in (".proto", ".binpb", ".j2"):
        assert any(name.endswith(suffix) for name in names), suffix
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_unpacked_wheel_imports(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "import infc, infc.cli, infc.remote.client, infc.runtime.artifact; print(infc.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "infc" / "__init__.py")
