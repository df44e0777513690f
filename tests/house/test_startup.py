"""What an import or a command pulls in: judged by what is in sys.modules, in a process of its own."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "torch_mlir", "iree", "grpc", "google.protobuf", "numpy", "msgspec", "rich"}


def modules_after(code: str) -> set[str]:
    """The modules that are loaded once `code` has run in a fresh interpreter."""
    report = "\nimport sys\nsys.stdout.write('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import infc",
        "import infc.errors; infc.InfcError",
        "import infc.cli; infc.cli.main.get_help(infc.cli.main.make_context('infc', [], resilient_parsing=True))",
        "import infc.remote.client",
    ],
)
def test_little_is_imported(code: str) -> None:
    assert modules_after(code) & HEAVY == set()


def test_the_probe_sees_what_is_imported() -> None:
    assert modules_after("import numpy") & HEAVY == {"numpy"}


def test_calling_a_pool_with_arrays_needs_no_torch() -> None:
    loaded = modules_after("from infc.remote.client import connect, load")
    assert loaded & {"torch", "torch_mlir", "iree", "msgspec"} == set()
    assert "grpc" in loaded


def test_exported_members() -> None:
    import infc

    assert infc.__all__ == ["InfcError", "__version__", "connect", "load", "patch"]
    assert all(getattr(infc, name) is not None for name in infc.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = infc.nothing
