"""`infer-partition`: a function becomes stages, each with its placement."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from ..base import Pass, PassError
from ..partitioning import (
    DoesNotFit,
    Graph,
    UnknownModule,
    best_plan,
    fewest_stages,
    parse_split,
    split_by_name,
    unused_rules,
)
from ..walk import operations
from .dataflow import Body, read_body
from .placements import Placements
from .staging import make_stages

UNUSED_ATTRIBUTE = "infer.unused_rules"
_SHOWN = (
    "for example infer-partition{stages=2}, {memory=2GiB}, or {split=encoder.layer.0-5:gpu0;*:cpu0}; "
    "of `infc compile`: --stages, --stage-memory, --split"
)


@dataclass(frozen=True)
class Partition(Pass):
    """Cut every function into `infer.stage`s.

    - `stages=K`: K stages, cut where the slowest of them is fastest, and of such cuts where the fewest bytes cross.
    - `memory=SIZE`: as few stages as it takes so that each fits into SIZE; with `stages`, K stages that fit. Several
      sizes, `memory=1GiB,2GiB`, are those of the placements in their order.
    - `split=MODULE:PLACEMENT;…;*:PLACEMENT`: by the names of modules, as weights' keys begin with them and as
      operations' locations say (`modules.py`); `layer.0-5` names six. A placement may get several stages.
    - `optional=1`: rules of a split may be for other functions; those that are for nothing in this one become its
      attribute `infer.unused_rules`.
    - `placements=A,B,…` names the placements of `stages` and `memory`, which are device0, device1 … otherwise.
    - `flops=50e9`, `bandwidth=10GB` and `link=5GB` are what a placement computes, reads of weights and gets from others
      in a second; several, `link=5GB,100MB`, are those of the placements in their order.

    Weights and constants go into every stage that reads them. A value that another placement needs passes through an
    `infer.transfer`.

    Before:

    ```mlir
    func.func @forward(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
      %a = linalg.… ins(%x, %w0)
      %b = linalg.… ins(%a, %w1)
      return %b
    ```

    After:

    ```mlir
    func.func @forward(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
      %in = builtin.unrealized_conversion_cast %x to tuple<tensor<1x8xf32>>
      %out = "infer.stage"(%in) ({ … }) {stage = "stage0", placement = "device0"}
      %a = builtin.unrealized_conversion_cast %out to tensor<1x8xf32>
      %there = "infer.transfer"(%a) {source = "device0", target = "device1"}
      …
    ```
    """

    name: ClassVar[str] = "infer-partition"
    stages: int = 0
    memory: str = ""
    split: str = ""
    placements: str = ""
    optional: int = 0
    flops: str = ""
    bandwidth: str = ""
    link: str = ""

    def run(self, module: ir.Operation) -> None:
        """Raises CompileError: options that contradict each other, a model that does not fit, an unknown module."""
        for function in operations(module, "func.func"):
            if not function.operation.regions[0].blocks:
                continue
            if len(function.operation.regions[0].blocks) != 1:
                raise PassError(function, f"@{function.name.value} branches, only one block can be cut")
            body = read_body(function)
            if any(op.operation.name == "infer.stage" for op in body.nodes):
                raise PassError(function, f"@{function.name.value} is partitioned already")
            plan = self._plan(function, body)
            if self.optional and self.split and (unused := unused_rules(body.graph, parse_split(self.split))):
                texts = [ir.StringAttr.get(rule.module, context=module.context) for rule in unused]
                function.operation.attributes[UNUSED_ATTRIBUTE] = ir.ArrayAttr.get(texts, context=module.context)
            make_stages(function, body, plan)

    def _plan(self, function: Any, body: Body) -> list[tuple[str, tuple[int, ...]]]:
        try:
            return self._cut(body.graph)
        except DoesNotFit as error:
            size = error.device.memory or 0
            cuts = "whatever the cuts" if error.exact else "cut anywhere along the order of its operations"
            raise PassError(
                function,
                f"@{function.name.value} does not fit: {error.device.name} has {size} bytes and lacks {error.missing}, "
                f"{cuts}",
                hint="more stages, more memory, or narrower weights (infer-cast-weights, infer-quantize-weights)",
            ) from error
        except UnknownModule as error:
            near = f"did you mean {', '.join(error.near)}? " if error.near else ""
            raise PassError(
                function,
                str(error),
                hint=f"{near}modules are named as in PyTorch and as the weights' keys begin: `infc inspect`; "
                "one that only passes values on, such as a dropout, computes nothing",
            ) from error
        except ValueError as error:
            raise PassError(function, str(error), hint=_SHOWN) from error

    def _cut(self, graph: Graph) -> list[tuple[str, tuple[int, ...]]]:
        if self.split:
            if self.stages or self._placements != Placements():
                raise ValueError("split says all of it, without stages, memory, placements and their speeds")
            rules = parse_split(self.split)
            if self.optional:
                unused = unused_rules(graph, rules)
                rules = tuple(rule for rule in rules if rule not in unused)
            return split_by_name(graph, rules)
        count = self.stages or self._placements.count
        if count < 1 and (self.stages or not self.memory):
            raise ValueError("nothing says how many stages there are to be")
        plan = (
            best_plan(graph, self._placements.devices(count)) if count else fewest_stages(graph, self._placements.one())
        )
        named = Placements(self.placements).devices(len(plan.stages))
        return list(zip((device.name for device in named), plan.stages, strict=True))

    @property
    def _placements(self) -> Placements:
        return Placements(self.placements, self.memory, self.flops, self.bandwidth, self.link)
