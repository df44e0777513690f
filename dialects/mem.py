"""The `mem` dialect: when a forward pass needs which weights."""

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects import ext

from .verifying import declared, in_module, integer, symbol, text, verify

CHUNK_BYTES = 2 * 1024 * 1024


# What each operation about one weight says: which, and in which slab.
_WEIGHT_IN_SLAB: dict[str, type] = {"slab": ir.FlatSymbolRefAttr, "key": ir.StringAttr}


def _verify_use(op: Any) -> bool:
    """The slab exists, and the weight has a key."""
    return verify(op, _WEIGHT_IN_SLAB, _use_problem)


class Mem(ext.Dialect, name="mem"):
    """When a forward pass needs which weights: known at compile time, before any sample of it was taken.

    The operations say something about the weights that stand beside them in the program; they move no data themselves.
    `mem-lower` turns them into the artifact's memory plan.
    """


class Slab(Mem.Operation, name="slab"):
    """A symbol for the weights of one stage as they lie in memory.

    `length` is its size in bytes, a multiple of `alignment`, which is a power of two; `chunks` is the number of pieces
    of 2 MiB that it is cut into.

    Example:

    ```mlir
    "mem.slab"() {sym_name = "encoder", length = 5242880 : i64, alignment = 4096 : i64, chunks = 3 : i64} : () -> ()
    ```
    """

    sym_name: ir.StringAttr
    length: ir.IntegerAttr
    alignment: ir.IntegerAttr
    chunks: ir.IntegerAttr

    @staticmethod
    def verify_invariants(op: Any) -> bool:
        """Sizes are possible and agree, and no other slab has the name."""
        kinds: dict[str, type] = dict.fromkeys(("length", "alignment", "chunks"), ir.IntegerAttr)
        return verify(op, {**kinds, "sym_name": ir.StringAttr}, _slab_problem)


class Prefetch(Mem.Operation, name="prefetch"):
    """From here on the `bytes` of the weight `key` in `slab` may be fetched: it is needed soon.

    Example:

    ```mlir
    "mem.prefetch"() {slab = @encoder, key = "layer.1.dense.weight", bytes = 2359296 : i64} : () -> ()
    ```
    """

    slab: ir.FlatSymbolRefAttr
    key: ir.StringAttr
    bytes: ir.IntegerAttr

    @staticmethod
    def verify_invariants(op: Any) -> bool:
        """The slab exists and is at least as large as the weight."""
        return verify(op, {**_WEIGHT_IN_SLAB, "bytes": ir.IntegerAttr}, _prefetch_problem)


class Require(Mem.Operation, name="require"):
    """What follows reads the weight `key` of `slab`: it must be there.

    Example:

    ```mlir
    "mem.require"() {slab = @encoder, key = "layer.1.dense.weight"} : () -> ()
    ```
    """

    slab: ir.FlatSymbolRefAttr
    key: ir.StringAttr

    verify_invariants = staticmethod(_verify_use)


class Release(Mem.Operation, name="release"):
    """Nothing that follows reads the weight `key` of `slab`: it may leave.

    Example:

    ```mlir
    "mem.release"() {slab = @encoder, key = "layer.1.dense.weight"} : () -> ()
    ```
    """

    slab: ir.FlatSymbolRefAttr
    key: ir.StringAttr

    verify_invariants = staticmethod(_verify_use)


def _slab_problem(op: Any) -> str:
    name, length, alignment = text(op, "sym_name"), integer(op, "length"), integer(op, "alignment")
    if not name:
        return "needs a name that is not empty"
    if alignment < 1 or alignment & (alignment - 1):
        return f"slab {name!r}: alignment must be a power of two, got {alignment}"
    if length < 0 or length % alignment:
        return f"slab {name!r}: length must be a multiple of its alignment {alignment}, got {length}"
    chunks = -(-length // CHUNK_BYTES)
    if integer(op, "chunks") != chunks:
        return f"slab {name!r}: {length} bytes are {chunks} chunks of {CHUNK_BYTES}, not {integer(op, 'chunks')}"
    same = declared(op, Slab.OPERATION_NAME, name)
    return f"slab {name!r} is declared {len(same)} times" if len(same) > 1 else ""


def _prefetch_problem(op: Any) -> str:
    problem = _use_problem(op)
    if problem:
        return problem
    size = integer(op, "bytes")
    if size < 1:
        return f"weight {text(op, 'key')!r}: bytes must be positive, got {size}"
    name = ir.FlatSymbolRefAttr(op.attributes["slab"]).value
    slabs = declared(op, Slab.OPERATION_NAME, name)
    lengths = [integer(slab, "length") for slab in slabs if isinstance(slab.attributes.get("length"), ir.IntegerAttr)]
    if lengths and size > lengths[0]:
        return f"weight {text(op, 'key')!r} has {size} bytes, slab {name!r} only {lengths[0]}"
    return ""


def _use_problem(op: Any) -> str:
    if not text(op, "key"):
        return "needs a key that is not empty"
    name = ir.FlatSymbolRefAttr(op.attributes["slab"]).value
    names = [symbol(slab) for slab in declared(op, Slab.OPERATION_NAME, "")]
    if name in names or not in_module(op):
        return ""
    return f"weight {text(op, 'key')!r}: there is no slab {name!r}, only {', '.join(names) or 'none at all'}"
