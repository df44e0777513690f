"""`infer-cast-weights`: weights are stored in a narrower floating point type."""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, tensor

from infc.errors import CompileError

from ...dialects.infer import Weight
from ...dialects.transforms import Cast, Quantize
from ..base import Pass
from ..walk import operations
from .derive import derive, recipe

_DTYPES = ("f16", "bf16")


@dataclass(frozen=True)
class CastWeights(Pass):
    """Store f32 weights of at least two dimensions and `at-least` elements as `dtype`: half the bytes, less exact.

    The slab holds the rounded weight; the program widens what it reads, so that it computes in f32 as before. A table
    that is read element by element is widened element by element. Runs after `infer-pack-weights`, which looks for
    weights that are f32. A weight with a value that `dtype` cannot hold is an error when the slab is written.

    Before:

    ```mlir
    %w = "infer.weight"() {key = "w", …} : () -> tensor<768x768xf32>
    use(%w)
    ```

    After:

    ```mlir
    %h = "infer.weight"() {key = "w|cast[f16]", source = "w", transforms = ["cast[f16]"], …} : () -> tensor<768x768xf16>
    %w = arith.extf %h : tensor<768x768xf16> to tensor<768x768xf32>
    use(%w)
    ```
    """

    name: ClassVar[str] = "infer-cast-weights"
    dtype: str = "f16"
    at_least: int = 1024

    def __post_init__(self) -> None:
        if self.dtype not in _DTYPES:
            raise CompileError(
                f"pass {self.name}: dtype is {self.dtype!r}, expected {' or '.join(_DTYPES)}",
                hint=f"for example {self.name}{{dtype=bf16}}",
                stage=self.name,
            )

    def run(self, module: ir.Operation) -> None:
        """Leaves weights of other types alone, and the parts of quantized ones."""
        for weight in operations(module, Weight.OPERATION_NAME):
            kind = ir.RankedTensorType(weight.logical.value)
            if str(kind.element_type) != "f32" or kind.rank < 2 or prod(kind.shape) < self.at_least:
                continue
            _, steps = recipe(weight)
            if not any(isinstance(step, Quantize) for step in steps):  # the scales of integers, which have to be exact
                self._cast(weight)

    def _cast(self, weight: Any) -> None:
        with weight.location, ir.InsertionPoint(weight):
            narrow = derive(weight, Cast(self.dtype), layout=weight.layout.value)
        uses = [(use.owner, use.operand_number) for use in weight.results[0].uses]
        gathers = [owner for owner, number in uses if owner.operation.name == "tensor.extract" and number == 0]
        for gather in gathers:
            with gather.location, ir.InsertionPoint(gather):
                element = tensor.extract(narrow.results[0], list(gather.operands)[1:])
                wide = arith.extf(gather.results[0].type, element)
            gather.results[0].replace_all_uses_with(wide)
            gather.operation.erase()
        if len(gathers) < len(uses):
            with weight.location, ir.InsertionPoint(weight):
                wide = arith.extf(weight.results[0].type, narrow.results[0])
            weight.results[0].replace_all_uses_with(wide)
        weight.operation.erase()
