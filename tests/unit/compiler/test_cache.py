"""The compile cache: what it gives back, what it forgets, and whom it trusts."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from infc.compiler import CompileOptions, compile_model, front
from infc.compiler.caching.cache import Cache, key_of
from infc.compiler.caching.cache_cli import cache as command
from infc.compiler.caching.cache_folder import cache_folder, cache_limit
from infc.compiler.caching.contents import contents_of
from infc.compiler.caching.finished import Shelf
from infc.compiler.frontend.export import trace
from infc.compiler.frontend.source import Source
from infc.compiler.slab.digests import Digests
from infc.compiler.toolchain.children import Children
from infc.compiler.verification.reference import Reference
from infc.errors import UsageError
from infc.runtime.artifact import Artifact

from support import models

MLP = f"{models.__file__}:mlp"
MIB = 1 << 20


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 10 * MIB)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_was_put_comes_back_and_is_the_users_alone(cache: Cache, tmp_path: Path) -> None:
    assert cache.get("ir", "ab12") is None
    cache.put("ir", "ab12", b"content")
    cache.put("module", "ab12", b"")
    assert (cache.get("ir", "ab12"), cache.get("module", "ab12")) == (b"content", b"")
    folders = [path for path in [tmp_path / "cache", *(tmp_path / "cache").rglob("*")] if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in files(tmp_path)} == {0o600}


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_an_entry_that_was_changed_is_a_miss_and_goes(cache: Cache, tmp_path: Path, damage: str) -> None:
    cache.put("ir", "ab12", b"content")
    (path,) = files(tmp_path)
    raw = path.read_bytes()
    path.write_bytes({"flip": raw[:-1] + b"T", "truncate": raw[:-1], "empty": b""}[damage])
    assert cache.get("ir", "ab12") is None
    assert not path.exists()


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 3 * MIB)
    for age, name in enumerate(["dd00", "cc00", "bb00", "aa00"]):
        cache.put("ir", name, bytes(MIB - 32))
        path = next(tmp_path.rglob(name))
        os.utime(path, (1000 + age, 1000 + age))
    assert cache.get("ir", "dd00") is not None  # used now
    cache.trim()
    assert [cache.get("ir", name) is not None for name in ("dd00", "cc00", "bb00", "aa00")] == [True, False, True, True]


def test_what_a_killed_compile_left_half_written_is_never_read_and_goes_like_an_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1)
    cache.put("ir", "ab12", b"content")
    left = next(tmp_path.rglob("ab12")).with_name("cd34.0123456789ab.tmp")
    left.write_bytes(b"half")
    assert cache.get("ir", "cd34") is None
    cache.trim()
    assert files(tmp_path) == []


def test_many_write_and_read_one_entry_at_once(cache: Cache) -> None:
    contents = [bytes([number]) * MIB for number in range(8)]
    wrong: list[bytes] = []

    def use(content: bytes) -> None:
        for _ in range(20):
            cache.put("ir", "ab12", content)
            found = cache.get("ir", "ab12")
            if found not in contents:
                wrong.append(b"" if found is None else found)

    threads = [threading.Thread(target=use, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "v1").write_text("a file where the folder should be")
    cache = Cache(tmp_path, MIB)
    cache.put("ir", "ab12", b"content")
    cache.trim()
    assert cache.get("ir", "ab12") is None


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(UsageError, match="can be written by others") as caught:
        Cache(tmp_path, MIB)
    assert f"chmod go-w {tmp_path}" in caught.value.hint


def test_no_two_lists_of_parts_have_one_key() -> None:
    assert len({key_of(parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], [])}) == 5


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() is None  # the tests' own setting
    monkeypatch.setenv("INFC_NO_CACHE", "0")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache_folder() == Path("/home/me/.cache/infc")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/infc")
    monkeypatch.setenv("INFC_CACHE_DIR", "/mine")
    assert cache_folder() == Path("/mine")
    monkeypatch.setenv("INFC_CACHE_SIZE", "2GiB")
    assert cache_limit() == 2 << 30
    monkeypatch.setenv("INFC_CACHE_SIZE", "lots")
    with pytest.raises(UsageError, match="'lots' is no size"):
        cache_limit()


class Net(torch.nn.Module):
    def __init__(self, weight: float = 1.0, factor: float = 2.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((3,), weight))
        self.factor = factor

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return x * self.weight * self.factor * scale


def traced_key(cache: Cache, source: Source, *asked: str) -> str:
    contents = contents_of([trace(source)], Digests())
    assert contents is not None
    return Shelf(cache, asked).of_contents(contents)


def test_a_traced_model_has_a_key_of_everything_that_it_is_made_from(cache: Cache) -> None:
    source = Source("net", Net().eval(), (torch.ones(3),))
    same = traced_key(cache, source)
    assert traced_key(cache, Source("net", Net().eval(), (torch.ones(3),))) == same
    others = [
        traced_key(cache, source, "--seed 1"),
        traced_key(cache, replace(source, name="other")),
        traced_key(cache, replace(source, module=Net(weight=1.5).eval())),
        traced_key(cache, replace(source, module=Net(factor=2.5).eval())),
        traced_key(cache, replace(source, args=(torch.zeros(3),))),
        traced_key(cache, replace(source, args=(torch.ones(2, 3),))),
        traced_key(cache, replace(source, args=(torch.ones(3), 0.5))),
        traced_key(cache, replace(source, args=(), kwargs={"x": torch.ones(3)})),
        traced_key(cache, replace(source, module=Net().double().eval())),
    ]
    assert len({same, *others}) == 1 + len(others)


def test_what_has_no_plain_bytes_is_not_kept() -> None:
    class Sparse(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("table", torch.eye(3).to_sparse())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.mm(self.table, x)  # type: ignore[arg-type]

    assert contents_of([trace(Source("sparse", Sparse(), (torch.eye(3),)))], Digests()) is None


def test_an_unchanged_model_is_copied_and_a_broken_copy_is_made_again(tmp_path: Path) -> None:
    options = CompileOptions(cache=tmp_path / "cache")
    first = compile_model(MLP, tmp_path / "first.infc", options)
    second = compile_model(MLP, tmp_path / "second.infc", options)
    assert (first.cached, second.cached) == (False, True)
    assert (second.digest, second.config) == (first.digest, first.config)
    assert (tmp_path / "second.infc").read_bytes() == (tmp_path / "first.infc").read_bytes()
    (entry,) = (path for path in files(tmp_path / "cache") if path.parts[-3] == "artifact")
    whole = entry.read_bytes()
    with Artifact.open(entry) as artifact:
        module = artifact.blob(artifact.layers[0].digest).offset
    for place in (module, whole.index(b"sha256:")):  # in the machine code; in the index
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        entry.write_bytes(damaged)
        third = compile_model(MLP, tmp_path / "third.infc", options)
        assert not third.cached
        assert (tmp_path / "third.infc").read_bytes() == (tmp_path / "first.infc").read_bytes()


def test_a_target_that_comes_later_takes_what_the_others_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = CompileOptions(cache=tmp_path / "cache")
    alone = compile_model(MLP, tmp_path / "one.infc", options)
    commands: list[str] = []
    run = Children.run

    def counted(self: Children, command: list[str], *rest: object) -> object:
        commands.append(Path(command[0]).name)
        return run(self, command, *rest)

    def refused(*_: object) -> None:
        raise AssertionError("it was done before")

    monkeypatch.setattr(Children, "run", counted)
    monkeypatch.setattr(front, "decompose", refused)
    monkeypatch.setattr(front, "import_program", refused)
    monkeypatch.setattr(Reference, "__call__", refused)
    targets = ("cpu", "cpu:x86-64-v4")  # the same layout of the weights, where the host has AVX-512
    result = compile_model(MLP, tmp_path / "two.infc", replace(options, targets=targets))
    assert [build.target for build in result.config.targets] == [*targets]
    assert commands.count("iree-compile") == 2  # the new target's code, and which features it uses
    assert len(commands) <= 3
    assert result.config.targets[0].verify == alone.config.targets[0].verify


def test_a_source_of_files_is_known_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(Net().eval(), (torch.ones(3),)), source)
    options = CompileOptions(cache=tmp_path / "cache")
    first = compile_model(str(source), tmp_path / "first.infc", options)
    second = compile_model(str(source), tmp_path / "second.infc", options)
    assert set(second.seconds) == {"look up"}
    assert second.digest == first.digest
    assert loaded_by_compiling(source, tmp_path / "again.infc", tmp_path / "cache") & {"torch", "torch_mlir"} == set()
    assert (tmp_path / "again.infc").read_bytes() == (tmp_path / "first.infc").read_bytes()
    torch.export.save(torch.export.export(Net(weight=3.0).eval(), (torch.ones(3),)), source)
    third = compile_model(str(source), tmp_path / "third.infc", options)
    assert not third.cached
    assert third.digest != first.digest


def loaded_by_compiling(source: Path, out: Path, cache: Path) -> set[str]:
    """The packages that are imported in a new process that compiles with this cache."""
    program = (
        "import sys; from pathlib import Path; from infc.compiler import CompileOptions, compile_model\n"
        "source, out, cache = sys.argv[1:]\n"
        "assert compile_model(source, Path(out), CompileOptions(cache=Path(cache))).cached\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-P", "-c", program, str(source), str(out), str(cache)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_a_wrong_guess_leaves_nothing(tmp_path: Path) -> None:
    factory = tmp_path / "net.py"
    text = "import torch\ndef net():\n    return torch.nn.Linear(4, 4).eval(), (torch.ones(1, 4),)\n"
    factory.write_text(text)
    options = CompileOptions(cache=tmp_path / "cache")
    first = compile_model(f"{factory}:net", tmp_path / "net.infc", options)
    factory.write_text(
        text.replace("torch.nn.Linear(4, 4)", "torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())")
    )
    second = compile_model(f"{factory}:net", tmp_path / "net.infc", options)
    assert not second.cached
    assert second.config.source != first.config.source
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == [
        "cache",
        "net.infc",
        "net.py",
    ]


def test_the_command_shows_and_empties_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFC_NO_CACHE", "0")
    monkeypatch.setenv("INFC_CACHE_DIR", str(tmp_path / "cache"))
    Cache(tmp_path / "cache", MIB).put("ir", "ab12", b"content")
    (tmp_path / "cache" / "failures" / "1234").mkdir(parents=True)
    shown = CliRunner().invoke(command, ["--json"])
    assert json.loads(shown.stdout)["entries"] == 1
    cleared = CliRunner().invoke(command, ["--clear"])
    assert cleared.stdout.startswith(f"{tmp_path}/cache: 0 entries, 0.0 MB")
    assert files(tmp_path) == []
    assert not (tmp_path / "cache" / "failures").exists()
