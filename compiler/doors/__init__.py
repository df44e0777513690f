"""The front doors: what `SRC` on the command line can be; one file a door.

Each is imported when it is opened, and torch with it: a model that the cache knows by its files needs none.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from infc.errors import SourceError, UsageError

from .extras import needing
from .request import Request, Shape, parse_inputs

if TYPE_CHECKING:
    from ..frontend.source import Source

__all__ = ["Request", "Shape", "parse_inputs", "read_source", "read_sources"]

_GRAPHS = (".pt2", ".onnx")  # files that hold one entry point
_CHECKPOINTS = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")


def read_source(text: str, request: Request | None = None) -> "Source":
    """The model that `text` names, which has one entry point. Raises as `read_sources`."""
    request = request or Request()
    if len(request.methods) > 1:
        raise UsageError(f"{', '.join(request.methods)}: expected one --method here", hint="name one of them")
    return read_sources(text, request)[0]


def read_sources(text: str, request: Request) -> "list[Source]":
    """Read the model that `text` names, once for each of its entry points.

    Runs the user's code when it is, or asks for, a factory.

    Raises:
        SourceError: `text` is no source, or the door says what is wrong with the model.
        UsageError: the request has an option that its door does not take.
    """
    from .factory import is_factory, read_factory
    from .methods import check_methods
    from .overrides import with_shapes

    check_methods(request.methods)
    if request.files or (request.methods and Path(text).suffix in _GRAPHS):
        return _read_files(text, request)
    if is_factory(text):
        _refuse_options(text, request, "inputs", "methods")
        return with_shapes(read_factory(text, request.methods), request.inputs)
    path = Path(text)
    if path.is_dir():
        _refuse_options(text, request, "task", "inputs")
        with needing("huggingface", "transformers", "safetensors"):
            from .huggingface import read_huggingface

            return [read_huggingface(path, request)]
    if path.suffix == ".pt2":
        from .pt2 import read_pt2

        _refuse_options(text, request)
        return [read_pt2(path)]
    if path.suffix == ".onnx":
        _refuse_options(text, request, "inputs")
        with needing("onnx", "onnx", "onnxruntime"):
            from .onnx import read_onnx

            return [read_onnx(path, request.inputs, request.axes)]
    if path.suffix in _CHECKPOINTS:
        _refuse_options(text, request, "factory", "inputs", "methods")
        with needing("huggingface", "safetensors"):
            from .checkpoint import read_checkpoint

            return with_shapes(read_checkpoint(path, request.factory, request.methods), request.inputs)
    if path.suffix == ".py":
        raise SourceError(
            f"{text} names no factory", hint=f"write {text}:NAME, a function that returns (module, inputs)"
        )
    raise SourceError(
        f"{text!r} is no model source: expected x.pt2, x.onnx, file.py:factory, pkg.module:factory, a folder of "
        f"Hugging Face's or a checkpoint ({', '.join(_CHECKPOINTS)}) with --factory",
        hint="is the path right, seen from this directory?",
    )


def _read_files(text: str, request: Request) -> "list[Source]":
    """The source and the other files, each one entry point."""
    own = [name for name in request.methods if name not in request.files]
    if len(own) != 1:
        raise UsageError(
            f"{text} is one method, {', '.join(own) or 'none'} would be called so",
            hint=f"--method NAME for {text}, --method NAME=FILE for each of the others",
        )
    files = {name: request.files.get(name, text) for name in request.methods}
    for name, file in files.items():
        if Path(file).suffix not in _GRAPHS:
            raise UsageError(
                f"--method {name}: {file!r} is no .pt2 or .onnx, which hold one method each",
                hint="a factory gives the methods of its module: file.py:make --method encode --method decode",
            )
    alone = replace(request, methods=(), files={})
    from ..frontend.source import called

    return [called(name, read_sources(file, alone)[0]) for name, file in files.items()]


_OPTIONS = {
    "task": "--task is for Hugging Face folders",
    "factory": "--factory is for checkpoints, which have no program of their own",
    "inputs": "a .pt2 was exported with its inputs: export it again with others",
    "methods": "--method is for factories and checkpoints, whose module has methods",
}


def _refuse_options(text: str, request: Request, *allowed: str) -> None:
    for name, why in _OPTIONS.items():
        if getattr(request, name) and name not in allowed:
            raise UsageError(f"{text} takes no --{name.removesuffix('s')}", hint=why)
