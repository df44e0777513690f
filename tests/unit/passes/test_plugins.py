"""Passes of other packages: found by their entry point, and kept to what a pass may do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch_mlir import ir

from infc.errors import CompileError
from infc.passes import pipeline, registry
from infc.passes.running import worker
from infc.passes.running.runner import make_context

from support import plugins

PASSES = '''
@dataclass(frozen=True)
class Rename(Pass):
    """Give every function another name.

    Before and after: `@f`, `@g`.
    """

    name: ClassVar[str] = "acme-rename"
    to: str = "renamed"
    only: bool = False
    needs: int = 1

    def __post_init__(self):
        if self.needs < 1:
            raise ValueError("needs is less than 1")

    def run(self, module):
        for op in module.regions[0].blocks[0].operations:
            op.operation.attributes["sym_name"] = type(op.operation.attributes["sym_name"]).get(self.to, module.context)

class Open(Pass):
    """Make a second public function."""

    name: ClassVar[str] = "acme-open"

    def run(self, module):
        first = ir.InsertionPoint.at_block_begin(module.regions[0].blocks[0])
        copy = operations(module, "func.func")[0].operation.clone(first)
        copy.attributes["sym_name"] = ir.StringAttr.get("second", module.context)

class Retype(Pass):
    """Let the function take what it did not."""

    name: ClassVar[str] = "acme-retype"

    def run(self, module):
        block = operations(module, "func.func")[0].operation.regions[0].blocks[0]
        index = ir.IndexType.get(module.context)
        block.add_argument(index, ir.Location.unknown(module.context))
        kind = ir.TypeAttr.get(ir.FunctionType.get([index], [], module.context), module.context)
        operations(module, "func.func")[0].operation.attributes["function_type"] = kind

class Table(Pass):
    """Add a literal of 4 KiB that something reads."""

    name: ClassVar[str] = "acme-table"

    def run(self, module):
        anchor = operations(module, "func.func")[0].operation.regions[0].blocks[0].operations[0]
        text = "%0 = arith.constant dense<[" + ",".join(map(str, range(1024))) + "]> : tensor<1024xi32>\\n"
        made = ir.Module.parse(text + '"acme.use"(%0) : (tensor<1024xi32>) -> ()', module.context)
        for op in list(made.body.operations):
            op.operation.move_before(anchor)

class Fail(Pass):
    """Fail."""

    name: ClassVar[str] = "acme-fail"

    def run(self, module):
        raise KeyError("x")

class Exit(Pass):
    """End the process."""

    name: ClassVar[str] = "acme-exit"

    def run(self, module):
        raise SystemExit(3)

class Cut(Pass):
    """Leave a function that does not end."""

    name: ClassVar[str] = "acme-cut"

    def run(self, module):
        operations(module, "func.return")[0].operation.erase()
'''
NAMES = {
    "rename": "Rename",
    "open": "Open",
    "retype": "Retype",
    "fail": "Fail",
    "cut": "Cut",
    "exit": "Exit",
    "table": "Table",
}
TEXT = "func.func @f() { return }"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package `acme` is installed."""
    entries = "\n".join(f'acme-{name} = "acme:{found}"' for name, found in {**NAMES, "gone": "Gone"}.items())
    return plugins.install(tmp_path_factory.mktemp("plugins"), "acme", entries, PASSES)


@pytest.fixture
def loaded(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package in this process, until the test is over."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(registry, "_plugins", lambda: registry.plugins.find(frozenset()))
    yield
    sys.modules.pop("acme", None)


def opt(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `infc-opt` where the packages in `site` are installed."""
    command = [sys.executable, "-c", "from infc.passes.running.opt import main; main()", *arguments]
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, input=TEXT, env=environment, capture_output=True, text=True, check=False)


def test_what_is_no_text_and_what_cannot_be_loaded_is_told_and_the_rest_listed(site: Path) -> None:
    command = [sys.executable, "-c", "from infc.passes.running.opt import main; main()"]
    done = subprocess.run(command, input=b"ML\xefR\x00", capture_output=True, check=False)
    assert (done.returncode, b"error: <stdin> is no text:" in done.stderr) == (4, True)
    listed = opt(site, "--list-passes")
    assert listed.returncode == 0
    assert "acme-cut" in listed.stdout
    assert "infer-raise-weights" in listed.stdout
    assert "warning: pass 'acme-gone' of acme cannot be loaded" in listed.stderr


def test_an_installed_pass_runs_with_its_options(site: Path) -> None:
    done = opt(site, "--pass-pipeline=builtin.module(canonicalize,acme-rename{to=g})")
    assert done.returncode == 0, done.stderr
    assert "func.func @g" in done.stdout


def test_the_ir_is_verified_behind_every_pass_unless_that_is_switched_off(site: Path) -> None:
    told = opt(site, "--pass-pipeline=acme-cut,canonicalize")
    assert told.returncode == 4
    assert "expect at least a terminator" in told.stderr
    assert opt(site, "--pass-pipeline=acme-cut", "--no-verify-each", "--mlir-print-op-generic").returncode == 0


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("acme-table", "pass acme-table broke contract 1: a literal of 4096 bytes", "has to keep the contract"),
        ("acme-rename", r"acme-rename changed the model's interface: function @f, which was \(\) -> \(\), is gone; "
         "there is renamed", "and add private ones"),
        ("acme-open", "function @second is new, and public", ""),
        ("acme-retype", r"function @f, which was \(\) -> \(\), is now \(index\) -> \(\)", ""),
        ("acme-fail", "acme-fail: unexpected KeyError: 'x'", "this is a bug in acme 1, which brings the pass"),
        ("acme-exit", "acme-exit: unexpected SystemExit: 3", "this is a bug in acme 1"),
        ("canonicalize{nope=1}", "no such option nope failed to add", ""),
        ("acme-cut", "pass acme-cut left what MLIR's verifier refuses: ", "this is a bug in acme 1"),
        ("acme-rename{only=perhaps}", "option only takes true or false, got 'perhaps'", "only=true"),
        ("acme-rename{needs=0}", "does not take the options 'needs=0': needs is less than 1", "list-passes"),
        ("acme-rename{to}", "pass acme-rename has no option 'to'", "to, only, needs"),
        ("acme-renam", "'acme-renam' does not refer to a registered pass", "did you mean acme-rename"),
        ("func.func(acme-rename)", "acme-rename runs on the whole module, and is not to be nested", ""),
        ("canonicalize,,cse", "there is nothing between two commas", ""),
    ],
)  # fmt: skip
def test_what_a_pass_may_not_do_is_told_with_its_name(text: str, message: str, hint: str) -> None:
    module = ir.Module.parse(TEXT, make_context())
    with pytest.raises(CompileError, match=message) as caught:
        pipeline.run(module.operation, f"infer-verify-contract,{text}")
    assert hint in caught.value.hint


@pytest.mark.usefixtures("loaded")
def test_a_pipeline_is_read_without_being_run(tmp_path: Path) -> None:
    assert worker.main(tmp_path / "well", [worker.PARSE, "acme-fail"]) == 0
    assert worker.main(tmp_path / "ill", [worker.PARSE, "acme-fail{x=1}"]) == 1
    assert json.loads((tmp_path / "ill").read_text())["error"]["stage"] == "acme-fail"


@pytest.mark.parametrize(
    ("entry", "code", "message"),
    [
        ("infer-pack-weights = acme:Rename", "",
         "two passes are called 'infer-pack-weights': that of infc and acme's"),
        ("acme-other = acme:Pass", "", "acme:Pass of acme is no pass called 'acme-other'"),
        ("acme-rename = acme:Gone", "", "pass 'acme-rename' of acme cannot be loaded from acme:Gone"),
        ("acme-rename = acme:Rename", "1 / 0", "from acme:Rename: ZeroDivisionError: division by zero"),
    ],
    ids=["duplicate", "another name", "gone", "fails at import"],
)  # fmt: skip
def test_a_plugin_that_cannot_be_one_is_an_error(tmp_path: Path, entry: str, code: str, message: str) -> None:
    (tmp_path / "acme.py").write_text(plugins.HEADER + code)
    info = tmp_path / "acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[infc.passes]\n{entry}\n")
    done = opt(tmp_path, f"--pass-pipeline={entry.partition(' ')[0]}")
    assert done.returncode == 4
    assert message in done.stderr
    assert "hint: " in done.stderr
