"""Stubs of a typed service as protoc's plugins make them, from what `infc codegen` writes."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType


def generated(artifact: Path, folder: Path) -> Path:
    """Run `infc codegen`; the `.proto` of the model's own service."""
    command = [sys.executable, "-m", "infc", "codegen", str(artifact), "-o", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (proto,) = (path for path in folder.glob("*.proto") if path.name != "open_inference.proto")
    return proto


def protoc(proto: Path, *options: str) -> None:
    """Run protoc over one file."""
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{proto.parent}", *options, proto.name]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def python_stubs(proto: Path, folder: Path) -> tuple[ModuleType, ModuleType]:
    """The modules that the standard plugins for Python make: messages and stubs."""
    folder.mkdir()
    protoc(proto, f"--python_out={folder}", f"--grpc_python_out={folder}")
    return _load(folder / f"{proto.stem}_pb2.py"), _load(folder / f"{proto.stem}_pb2_grpc.py")


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # the stubs import the messages by name
    spec.loader.exec_module(module)
    return module
