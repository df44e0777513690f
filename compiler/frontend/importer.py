"""From an exported program to the torch dialect, through torch-mlir, with every weight left outside."""

import re
from dataclasses import dataclass
from typing import Any

import torch
import torch_mlir.dialects.torch as torch_dialect
from torch_mlir import ir
from torch_mlir.extras.fx_importer import ContextCache, FxImporter, FxImporterHooks

from infc.errors import CompileError

from ... import dialects
from ...passes import pipeline
from ...passes.modules import in_module
from ...passes.weights.raise_weights import WEIGHTS_ATTRIBUTE
from ..slab.weights import WeightTable
from .dtypes import TORCH_DTYPES, TORCH_ELEMENT_TYPES
from .export import Program
from .source import OnnxGraph


@dataclass(frozen=True)
class Imported:
    """A program as text, in the torch dialect and with locations; `lowering` is the pipeline that brings it to linalg,
    empty where it is there already.

    The digests of its weights are an attribute of the module.
    """

    text: str
    lowering: str


def import_program(program: Program, weights: WeightTable) -> Imported:
    """`program` in the torch dialect; its weights go into `weights`, by name.

    Raises:
        CompileError: the graph holds something that torch-mlir does not import.
    """
    context = ir.Context()
    torch_dialect.register_dialect(context)
    dialects.load(context)
    lowering = pipeline.DYNAMIC_TO_LINALG if program.method.dims else pipeline.TORCH_TO_LINALG
    if isinstance(program.exported, OnnxGraph):
        lowering = f"{pipeline.ONNX_TO_TORCH},{lowering}"
        from .onnx_importer import import_onnx  # its library is an extra

        module = import_onnx(program.exported.model, program.method.name, context, weights)
    else:
        module = _from_torch(program.exported, program.method.name, context, weights)
    with context, ir.Location.unknown():
        table = {key: ir.StringAttr.get(digest) for key, digest in weights.digests.items()}
        module.operation.attributes[WEIGHTS_ATTRIBUTE] = ir.DictAttr.get(table)
    return Imported(module.operation.get_asm(enable_debug_info=True), lowering)


def _from_torch(exported: Any, name: str, context: ir.Context, weights: WeightTable) -> ir.Module:
    importer = _Importer(context=context, hooks=_Weights(weights))
    try:
        importer.import_program(exported, func_name=name)
    except (NotImplementedError, TypeError, KeyError, AssertionError, ValueError, ir.MLIRError) as error:
        raise CompileError(
            f"torch-mlir does not import the model: {type(error).__name__}: {error}",
            hint="the operator has no import rule yet; rewrite that part of the model",
            stage="import",
        ) from error
    return importer.module


class _Places(ContextCache):
    """Locations that say in which module of the model an operation is, beside the lines of Python."""

    def get_node_location(self, node: torch.fx.Node) -> ir.Location | None:
        lines = super().get_node_location(node)
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        if not stack:
            return lines
        return in_module(str(stack[-1][0]), lines or ir.Location.unknown(self._c))


class _Importer(FxImporter):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._cc = _Places(self._c, py_attr_tracker=self._py_attr_tracker)


class _Weights(FxImporterHooks):
    """Leaves a resource without data where a weight's literal would be."""

    def __init__(self, weights: WeightTable) -> None:
        self._weights = weights
        self._keys: dict[str | int, str] = {}
        self._literals: dict[str, ir.Attribute] = {}  # by their text: a resource that is parsed twice gets another name

    def resolve_input(self, gni: Any, value: Any, info: Any) -> ir.Value | None:
        return self._resolve(gni, value, info.input_spec.target)

    def resolve_literal(self, gni: Any, literal: Any, info: Any) -> ir.Value | None:
        if not isinstance(literal, torch.Tensor):
            return None
        target = info.input_spec.target if info is not None else None
        return self._resolve(gni, literal, target or id(literal))

    def _resolve(self, gni: Any, tensor: torch.Tensor, name: str | int) -> ir.Value | None:
        # One element is worth more as a constant that folds.
        if tensor.numel() == 1:
            return None
        if tensor.dtype not in TORCH_DTYPES:
            raise CompileError(
                f"weight {_label(name)} has dtype {tensor.dtype}, which infc does not carry",
                hint=f"it carries {', '.join(TORCH_DTYPES.values())}",
                stage="import",
            )
        if tensor.layout is not torch.strided:
            raise CompileError(
                f"weight {_label(name)} is a {tensor.layout} tensor, which infc does not carry",
                hint="make it dense with .to_dense()",
                stage="import",
            )
        dtype = TORCH_DTYPES[tensor.dtype]
        shape = ",".join(map(str, tensor.shape))
        kind = ir.Type.parse(f"!torch.vtensor<[{shape}],{TORCH_ELEMENT_TYPES[dtype]}>", context=gni._c)
        dims = "".join(f"{dim}x" for dim in tensor.shape)
        # None at all has no bytes to share.
        data = f'dense_resource<"{self._key(name, tensor)}">' if tensor.numel() else "dense<>"
        text = f"{data} : tensor<{dims}{TORCH_ELEMENT_TYPES[dtype]}>"
        if text not in self._literals:
            self._literals[text] = ir.Attribute.parse(text, context=gni._c)
        value = self._literals[text]
        return ir.Operation.create(
            "torch.vtensor.literal", results=[kind], attributes={"value": value}, loc=ir.Location.unknown(gni._c)
        ).result

    def _key(self, name: str | int, tensor: torch.Tensor) -> str:
        """The weight's key: its name, where that is one in MLIR, else one of ours."""
        if name not in self._keys:
            usable = isinstance(name, str) and re.fullmatch(r"[\w.]+", name) is not None
            stem = "weight" if isinstance(name, str) else "constant"
            self._keys[name] = self._weights.add(str(name) if usable else f"{stem}_{len(self._keys)}", tensor)
        return self._keys[name]


def _label(name: str | int) -> str:
    return repr(name) if isinstance(name, str) else "held by the program as a constant"
