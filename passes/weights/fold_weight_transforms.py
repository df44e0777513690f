"""`infer-fold-weight-transforms`: what the program does to a weight alone is done once, when the slab is written."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg, tensor

from infc.errors import CompileError

from ...dialects.infer import Weight
from ...dialects.transforms import NO_BIAS, BatchNormScale, BatchNormShift, Permute, Reshape, Transform
from ..base import Pass
from ..elementwise import sizes_of
from ..walk import operations
from .batch_norms import CONVOLUTIONS, BatchNorm, batch_norm_behind, constant_of, kernel_of, weight_of
from .convolution_forms import GROUPED
from .derive import derive


@dataclass(frozen=True)
class FoldWeightTransforms(Pass):
    """Fold transposes and reshapes of weights, and the batch norms behind convolutions, into derived weights.

    A weight is transposed or reshaped in the slab when all who read it want it the same way: it would lie there twice
    otherwise. A batch norm with statistics of its own scales the kernel and moves the bias; the sums are rounded
    otherwise than before, by about 1e-6 of their size. Runs after `infer-pack-weights`, which looks for the transposes;
    before it with `only=batch-norms`, which leaves these alone, since packing makes products of convolutions.

    Before:

    ```mlir
    %c = linalg.conv_2d_nchw_fchw ins(%x, %kernel) outs(%zero)
    %d = (%c - %mean) * (1 / sqrt(%var + 1e-5)) * %gamma + %beta      // seven linalg.generic
    ```

    After:

    ```mlir
    %k = "infer.weight"() {key = "w|bn_scale[0,1e-05,gamma,var]", …}
    %b = "infer.weight"() {key = "beta|bn_shift[1e-05,gamma,mean,var,-]", …}
    %init = linalg.broadcast ins(%b) outs(…) dimensions = [0, 2, 3]
    %d = linalg.conv_2d_nchw_fchw ins(%x, %k) outs(%init)
    ```
    """

    name: ClassVar[str] = "infer-fold-weight-transforms"
    only: str = ""

    def __post_init__(self) -> None:
        if self.only not in ("", "batch-norms"):
            raise CompileError(
                f"pass {self.name}: option only is {self.only!r}, expected batch-norms",
                hint="without it, transposes and reshapes are folded too",
                stage=self.name,
            )

    def run(self, module: ir.Operation) -> None:
        """Leaves what it does not know alone."""
        for convolution in operations(module, *CONVOLUTIONS):
            norm = batch_norm_behind(convolution)
            kernel = kernel_of(convolution)
            bias = _bias(_ungrouped(convolution))
            if norm is not None and kernel is not None and bias is not None:
                _fold_norm(convolution, kernel, bias, norm)
        waiting = operations(module, Weight.OPERATION_NAME) if not self.only else []
        while waiting:
            folded = _fold_moves(waiting.pop())
            waiting += [folded] if folded is not None else []


def _fold_norm(convolution: Any, kernel: Any, bias: str | Any, norm: BatchNorm) -> None:
    gamma, mean, var = norm.gamma.key.value, norm.mean.key.value, norm.var.key.value
    digests = {each.key.value: each.digest.value for each in (norm.gamma, norm.mean, norm.var)}
    before = NO_BIAS
    if not isinstance(bias, str):
        before = bias.key.value
        digests[before] = bias.digest.value
    kind = ir.RankedTensorType(convolution.operation.results[0].type)
    shape = tuple(ir.RankedTensorType(convolution.operands[1].type).shape)
    channels = (1, 2) if convolution.operation.name in GROUPED else (1,)
    reshape = (Reshape(shape),) if shape != tuple(ir.RankedTensorType(kernel.logical.value).shape) else ()
    grouping = (Reshape(tuple(kind.shape[axis] for axis in channels)),) if len(channels) > 1 else ()
    with convolution.location, ir.InsertionPoint(convolution):
        scaled = derive(kernel, BatchNormScale(0, norm.eps, gamma, var), *reshape, digests=digests)
        moved = derive(norm.beta, BatchNormShift(norm.eps, gamma, mean, var, before), *grouping, digests=digests)
        empty = tensor.empty(sizes_of(convolution.operation.operands[2], range(kind.rank)), kind.element_type)
        others = [axis for axis in range(kind.rank) if axis not in channels]
        init: Any = linalg.broadcast(moved.results[0], outs=[empty], dimensions=others)
        folded = convolution.operation.clone(ir.InsertionPoint(convolution))
        folded.operation.operands[1] = scaled.results[0]
        folded.operation.operands[2] = init.operation.results[0]
        result = folded.operation.results[0]
        if len(channels) > 1:  # the groups are joined as they were
            joined = norm.chain[0].operation.clone(ir.InsertionPoint(convolution))
            joined.operation.operands[0] = result
            result = joined.operation.results[0]
    norm.chain[-1].operation.results[0].replace_all_uses_with(result)
    for op in (*reversed(norm.chain), convolution):
        op.operation.erase()


def _ungrouped(convolution: Any) -> ir.Value:
    """What the convolution starts from, of several groups before it was cut into them."""
    init = convolution.operation.operands[2]
    owner = init.owner
    if convolution.operation.name not in GROUPED or isinstance(owner, ir.Block):
        return init
    return owner.operation.operands[0] if owner.operation.name == "tensor.expand_shape" else init


def _bias(init: ir.Value) -> Any:
    """The bias weight that a convolution starts from, NO_BIAS when it starts from zero, None for anything else."""
    owner = init.owner
    if isinstance(owner, ir.Block):
        return None
    if owner.operation.name == "linalg.fill" and constant_of(owner.operation.operands[0]) == 0.0:
        return NO_BIAS
    if owner.operation.name != "linalg.broadcast":
        return None
    rank = ir.RankedTensorType(init.type).rank
    along_channels = list(owner.operation.attributes["dimensions"]) == [axis for axis in range(rank) if axis != 1]
    return weight_of(owner.operation.operands[0]) if along_channels else None


def _fold_moves(weight: Any) -> Any:
    """The weight that took the place of `weight` and of what all its users did to it; None when they differ."""
    users = [use.owner for use in weight.results[0].uses]
    moves = {_move(user, weight.results[0]) for user in users}
    if weight.layout.value != "row_major" or len(moves) != 1:
        return None
    (move,) = moves
    if move is None:
        return None
    with weight.location, ir.InsertionPoint(weight):
        derived = derive(weight, move)
    for user in users:
        user.operation.results[0].replace_all_uses_with(derived.results[0])
        user.operation.erase()
    weight.operation.erase()
    return derived


def _move(user: Any, value: ir.Value) -> Transform | None:
    name = user.operation.name
    if name == "linalg.transpose" and user.operation.operands[0] == value:
        return Permute(tuple(user.operation.attributes["permutation"]))
    if name in ("tensor.expand_shape", "tensor.collapse_shape") and user.operation.operands[0] == value:
        return Reshape(tuple(ir.RankedTensorType(user.operation.results[0].type).shape))
    return None
