"""A model that was read, whichever door it came through (`doors/`)."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import torch

from ...runtime.artifact import Method

LONGEST_DOC = 1000  # characters
METHOD = "main"  # what the entry point of a model is called that has only one


@dataclass(frozen=True)
class OnnxGraph:
    """A checked graph of ONNX and its interface.

    `model` is an `onnx.ModelProto` whose shapes are those of the interface; `raw` has the dims that the file has,
    where some are to vary.
    """

    model: Any
    method: Method
    raw: Any = None

    @property
    def graph(self) -> str:
        """What is computed, as text: operators and names, without the weights' contents."""
        nodes = b"".join(node.SerializeToString(deterministic=True) for node in self.model.graph.node)
        return nodes.hex()


@dataclass(frozen=True)
class Source:
    """A model that was read and can be run by PyTorch.

    `module` is called with `args` and `kwargs`, its example inputs; `method` is what this entry point is called.
    `exported` is there when the source was exported already; `onnx` when it is a graph of ONNX, and `module` then runs
    it in ONNX Runtime.
    """

    name: str
    module: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    exported: torch.export.ExportedProgram | None = None
    onnx: OnnxGraph | None = None
    method: str = METHOD

    @property
    def reference(self) -> str:
        """Whose answers the compiled model's are compared with."""
        return "ONNX Runtime" if self.onnx is not None else "PyTorch"

    @property
    def doc(self) -> str:
        """What the model's author says about this entry point: the first paragraph of its docstring, or of its class's.

        Empty where nothing is said. What PyTorch says about its own classes tells nothing about the model.
        """
        kind = type(self.module)
        if kind.__module__.partition(".")[0] in ("torch", "infc", "builtins"):
            return ""
        # Not getdoc: it would give what torch.nn.Module says where the model says nothing. A method of a factory's
        # module is the forward of a copy of its own.
        forward = getattr(self.module, "__dict__", {}).get("forward") or vars(kind).get("forward")
        for text in (getattr(forward, "__doc__", None), vars(kind).get("__doc__")):
            if isinstance(text, str) and text.strip():
                return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())[:LONGEST_DOC]
        return ""


def called(name: str, source: Source) -> Source:
    """The source with its entry point called `name`."""
    graph = source.onnx
    if graph is not None:
        graph = replace(graph, method=msgspec.structs.replace(graph.method, name=name))
    return replace(source, method=name, onnx=graph)
