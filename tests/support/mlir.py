"""Running MLIR text: passes of ours, IREE, and an answer."""

from collections.abc import Mapping
from typing import Any

import iree.compiler as compiler
import iree.runtime as runtime
import numpy as np
import torch
from torch_mlir import ir

from infc.compiler.slab.weights import WeightTable, WeightUse, weight_uses
from infc.compiler.targets import TARGETS
from infc.passes import named, pipeline
from infc.passes.running.runner import make_context


def run(
    text: str, passes: str, weights: Mapping[str, torch.Tensor], *inputs: np.ndarray
) -> tuple[list[np.ndarray], list[WeightUse]]:
    """The results of the function `main` in `text` after `passes`, and the weights that it reads then."""
    module = ir.Module.parse(text, make_context()).operation
    pipeline.run(module, f"{passes},canonicalize,cse,infer-verify-contract{{level=1}}" if passes else "canonicalize")
    uses = weight_uses(module)
    pipeline.run(module, named.FOR_IREE)
    code = compiler.compile_str(module.get_asm(), extra_args=list(TARGETS["cpu"].flags))
    table = WeightTable()
    for key, tensor in weights.items():
        table.add(key, tensor)
    table.digests.update({use.source: use.digest for use in uses if not use.transforms})  # texts make them up
    index: Any = runtime.ParameterIndex()  # the bindings do not say what its methods take
    held = [(data.key, np.ascontiguousarray(data.data)) for data in table.data(uses)]
    for key, array in held:
        index.add_buffer(key, array.reshape(-1).view(np.uint8))
    config = runtime.Config("local-sync")
    modules = runtime.load_vm_modules(
        runtime.create_io_parameters_module(config.vm_instance, index.create_provider("model")),
        runtime.create_hal_module(config.vm_instance, config.device),
        runtime.VmModule.copy_buffer(config.vm_instance, code),
        config=config,
    )
    results = modules[-1].main(*inputs)
    listed = results if isinstance(results, tuple | list) else [results]
    return [np.array(each.to_host()) for each in listed], uses


def weight(name: str, key: str, shape: str, element: str = "f32") -> str:
    """The text of an `infer.weight` of a row-major tensor."""
    kind = f"tensor<{shape}x{element}>"
    return (
        f'%{name} = "infer.weight"() {{key = "{key}", digest = "sha256:{key}", layout = "row_major", '
        f"logical = {kind}}} : () -> {kind}"
    )
