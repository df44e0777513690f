"""Finding the batch norm behind a convolution, in the operations that torch-mlir makes of it."""

from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

from ...dialects.infer import Weight
from ..elementwise import maps_of, single_op
from .convolution_forms import GROUPED

# Convolutions whose kernel has the output channels in front, and whose result has channels behind the batch.
CONVOLUTIONS = (
    *GROUPED,
    "linalg.conv_1d_ncw_fcw",
    "linalg.conv_2d_nchw_fchw",
    "linalg.conv_3d_ncdhw_fcdhw",
    "linalg.depthwise_conv_2d_nchw_chw",
)


@dataclass(frozen=True)
class BatchNorm:
    """`(x - mean) * (1 / sqrt(var + eps)) * gamma + beta`, each a weight; `chain` are the operations, in order."""

    mean: Any
    var: Any
    gamma: Any
    beta: Any
    eps: float
    chain: tuple[Any, ...]


def batch_norm_behind(convolution: Any) -> BatchNorm | None:
    """The batch norm that alone reads the result of `convolution`, if that is what reads it."""
    value, chain, vectors = convolution.operation.results[0], [], []
    if convolution.operation.name in GROUPED:
        users = [use.owner for use in value.uses]
        if len(users) != 1 or not _joins_groups(users[0], value):
            return None
        chain.append(users[0])
        value = users[0].operation.results[0]
    for kind in ("arith.subf", "arith.mulf", "arith.mulf", "arith.addf"):
        users = [use.owner for use in value.uses]
        if len(users) != 1:
            return None
        vector = _per_channel(users[0], kind, value)
        if vector is None:
            return None
        chain.append(users[0])
        vectors.append(vector)
        value = users[0].operation.results[0]
    mean, factor, gamma, beta = vectors
    found = _reciprocal_deviation(factor)
    weights = [weight_of(each) for each in (mean, gamma, beta)]
    if found is None or any(each is None for each in weights):
        return None
    return BatchNorm(weights[0], found[0], weights[1], weights[2], found[1], tuple(chain))


def weight_of(value: ir.Value) -> Any:
    """The weight that `value` is, as PyTorch has it: neither packed nor derived. None when it is none."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != Weight.OPERATION_NAME:
        return None
    plain = owner.opview.layout.value == "row_major" and "source" not in owner.operation.attributes
    return owner.opview if plain else None


def kernel_of(convolution: Any) -> Any:
    """The weight that the kernel of `convolution` is, as `weight_of`, under its own shape or another one.

    Its first dimension is that of the output channels in any case; the kernel's may be groups. None for what is none.
    """
    kernel = convolution.operation.operands[1].owner
    reshapes = ("tensor.expand_shape", "tensor.collapse_shape")
    if not isinstance(kernel, ir.Block) and kernel.operation.name in reshapes:
        kernel = kernel.operation.operands[0].owner
    if isinstance(kernel, ir.Block) or kernel.operation.name != Weight.OPERATION_NAME:
        return None
    shape = ir.RankedTensorType(convolution.operation.results[0].type).shape
    channels = shape[1] * shape[2] if convolution.operation.name in GROUPED else shape[1]
    weight = weight_of(kernel.operation.results[0])
    return weight if weight and ir.RankedTensorType(weight.logical.value).shape[0] == channels else None


def _joins_groups(op: Any, value: ir.Value) -> bool:
    """Whether `op` makes channels of the groups and their channels, and nothing else."""
    rank = ir.RankedTensorType(value.type).rank
    joined = [[0], [1, 2], *([axis] for axis in range(3, rank))]
    if op.operation.name != "tensor.collapse_shape":
        return False
    return [[int(axis) for axis in group] for group in op.operation.attributes["reassociation"]] == joined


def _per_channel(generic: Any, kind: str, value: ir.Value) -> ir.Value | None:
    """The vector v of `generic` when it computes `value kind v`, v along the channels."""
    op = single_op(generic)
    if op is None or op.operation.name != kind or len(generic.operation.operands) != 3:
        return None
    block = generic.operation.regions[0].blocks[0]
    rank = ir.RankedTensorType(value.type).rank
    dims = ", ".join(f"d{axis}" for axis in range(rank))
    same = f"({dims}) -> ({dims})"
    wanted = [same, f"({dims}) -> (d1{', 0' * (rank - 2)})", same]
    if list(op.operation.operands) != list(block.arguments)[:2] or maps_of(generic) != wanted:
        return None
    if generic.operation.operands[0] != value:
        return None
    expand = generic.operation.operands[1].owner
    if isinstance(expand, ir.Block) or expand.operation.name != "tensor.expand_shape":
        return None
    vector = expand.operation.operands[0]
    return vector if ir.RankedTensorType(vector.type).rank == 1 else None


def _reciprocal_deviation(value: ir.Value) -> tuple[Any, float] | None:
    """The weight `var` and `eps` when `value` is `1 / sqrt(var + eps)`."""
    divided = _body(value)
    if [op.operation.name for op in divided] != ["arith.divf"] or constant_of(divided[0].operands[0]) != 1.0:
        return None
    root = _body(_input(value))
    if [op.operation.name for op in root] != ["math.sqrt"]:
        return None
    shifted = _input(_input(value))
    added = [op for op in _body(shifted) if op.operation.name == "arith.addf"]
    if len(added) != 1 or not {op.operation.name for op in _body(shifted)} <= {"arith.addf", "arith.truncf"}:
        return None
    eps = constant_of(added[0].operands[1])
    variance = weight_of(_input(shifted))
    return None if eps is None or variance is None else (variance, eps)


def _body(value: ir.Value | None) -> list[Any]:
    """What the generic that makes the vector `value` of one other computes for an element, without the yield."""
    if value is None or isinstance(value.owner, ir.Block) or value.owner.operation.name != "linalg.generic":
        return []
    generic = value.owner.operation
    if len(generic.operands) != 2 or maps_of(generic) != ["(d0) -> (d0)", "(d0) -> (d0)"]:
        return []
    # What an assertion compares is there with it, and also when the assertion itself has gone.
    body = list(generic.regions[0].blocks[0].operations)[:-1]
    return [op for op in body if any(_counts(use.owner) for result in op.operation.results for use in result.uses)]


def _counts(user: Any) -> bool:
    return user.operation.name != "cf.assert"


def _input(value: ir.Value | None) -> Any:
    return value.owner.operation.operands[0] if _body(value) and value is not None else None


def constant_of(value: ir.Value) -> float | None:
    """The number that `value` is, rounded on the way or not; None when it is no constant."""
    owner = value.owner
    if isinstance(owner, ir.Block):
        return None
    if owner.operation.name == "arith.truncf":
        return constant_of(owner.operation.operands[0])
    if owner.operation.name != "arith.constant" or not isinstance(value.type, ir.FloatType):
        return None
    return ir.FloatAttr(owner.operation.attributes["value"]).value
