"""Passes of other packages at `infc compile`, installed for real: what they change, and how their faults are told."""

from pathlib import Path

import pytest

from infc.compiler import CompileOptions, CompileResult, compile_model
from infc.compiler.middle import parse_middle
from infc.errors import CompileError, VerifyError
from infc.passes import registry

from support import plugins

MODEL = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 4)).eval(), (torch.randn(3, 8),)
"""
LAY = '''
@dataclass(frozen=True)
class Lay(Pass):
    """Transpose weights in the slab.

    Before and after: a transpose of a weight, and a weight that is derived from it.
    """

    name: ClassVar[str] = "acme-lay"
    ratio: float = 1.0

    def run(self, module):
        for op in operations(module, "linalg.transpose"):
            with op.location, ir.InsertionPoint(op):
                axes = Permute(tuple(op.operation.attributes["permutation"]))
                made = derive(op.operation.operands[0].owner.opview, axes)
            op.operation.results[0].replace_all_uses_with(made.results[0])
            op.operation.erase()
'''
CRASH = '''
class Lay(Pass):
    """Nothing."""

    name: ClassVar[str] = "acme-lay"

    def run(self, module):
        ctypes.string_at(0)
'''
SHRINK = '''
class Shrink(Pass):
    """Another number."""

    name: ClassVar[str] = "acme-shrink"

    def run(self, module):
        for op in operations(module, "arith.cmpf"):
            less = ir.IntegerAttr.get(ir.IntegerType.get_signless(64, module.context), 4)
            op.operation.attributes["predicate"] = less
'''
ENTRIES = 'acme-lay = "acme:Lay"\nacme-shrink = "acme:Shrink"'


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the model, in which the package `acme` 1.2 is installed."""
    (tmp_path / "net.py").write_text(MODEL)
    site = plugins.install(tmp_path, "acme", ENTRIES, LAY + SHRINK, "1.2")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setattr(registry, "_plugins", lambda: registry.plugins.find(frozenset()))
    return tmp_path


def made(folder: Path, pipeline: str) -> CompileResult:
    """The model after `pipeline`, with a cache in the folder."""
    options = CompileOptions(middle=parse_middle(pipeline), cache=folder / "cache")
    return compile_model(f"{folder / 'net.py'}:make", folder / "net.infc", options)


def test_a_package_s_pass_runs_is_recorded_is_compared_and_recompiles_when_it_changes(installed: Path) -> None:
    first = made(installed, "default,acme-lay{ratio=0.5}")
    slab = first.config.targets[0].stages[0].slab
    assert "0.weight|permute[1,0]" in {weight.key for weight in slab.weights}
    middle = first.config.middle
    assert (middle.pipeline, middle.passes) == ("default", ("acme-lay{ratio=0.5}",))
    ((package, version, digest),) = [(each.package, each.version, each.digest) for each in middle.plugins]
    assert (package, version) == ("acme", "1.2")
    assert made(installed, "default,acme-lay{ratio=0.5}").cached
    with pytest.raises(CompileError, match="option ratio takes a number, got 'x'"):  # before the model is looked at
        made(installed, "default,acme-lay{ratio=x}")
    (installed / "net.infc").unlink()
    with pytest.raises(VerifyError, match="differs from PyTorch") as wrong:
        made(installed, "default,acme-shrink")
    assert "compile it without acme-shrink first" in wrong.value.hint
    assert not (installed / "net.infc").exists()
    # The same version, other code: what the cache holds is not what it makes.
    (installed / "site" / "acme.py").write_text(plugins.HEADER + CRASH)
    assert parse_middle("default,acme-lay").plugins[0].digest != digest
    with pytest.raises(CompileError, match=r"died in pass acme-lay.*\(killed by SIGSEGV\)") as caught:
        made(installed, "default,acme-lay")
    assert caught.value.hint.startswith("a fault of acme 1.2, which brings the pass")
    assert caught.value.stage == "acme-lay"
