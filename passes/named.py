"""The pipelines of the compiler's middle: which passes, in which order, and why in that order.

`infc compile --pipeline NAME` runs one of `NAMES`, and further passes in it with `NAME,PASS…`;
`infc-opt --pass-pipeline=NAME` runs the same for a CPU with AVX-512.
"""

from collections.abc import Sequence

_CONTRACT = "infer-verify-contract{level=1}"


def shared(further: str = "") -> str:
    """Up to where the target matters: what every target shares.

    `further` are passes that a user adds. They get the program with its weights as PyTorch has them, cleaned up, under
    contract 1; what guards indexes and corrects IREE's arithmetic comes behind them, and so holds for what they make.
    """
    passes = [
        "infer-raise-weights",
        # Contract 1 holds from here on; the driver checks it behind every further pass (`pipeline.run`).
        _CONTRACT,
        # Equal weights become one before packing, so that a tied pair is packed once.
        "infer-dedupe-weights",
        "infer-drop-empty-loops",
        "canonicalize",
        "cse",
        further,
        # Before what guards indexes, since the kernel's turning is told by its own; and before packing.
        "infer-transposed-convolutions",
        # Before anything moves the index computation away from the load that it guards.
        "infer-guard-gathers",
        "infer-guard-scatters",
        "infer-exact-math",
        "infer-exact-unary",
        # After what brings angles back to one turn.
        "infer-exact-doubles",
    ]
    return ",".join(each for each in passes if each)


SHARED = shared()

# How the weights of matrix products lie for a CPU with registers for tiles of 16 rows.
PACK = "infer-pack-weights"

# In which order the weights are needed: a plan beside the program, which `infer-lower-weights` takes away again.
SCHEDULE = "mem-schedule,mem-lower"

# The last of it, which writes IREE's dialects. The copies come after every pass that could make two of them one.
FOR_IREE = "infer-lower-weights,infer-limit-bindings,infer-own-destinations,infer-own-results"

# What each pipeline does to the weights between packing and the end; `default` computes with what PyTorch has.
#
# - `size`: as few bytes as 8 bits allow. Packing first: the integers then lie in tiles as well, and are multiplied as
#   they lie. What is left of the matrices, tables above all, is halved.
# - `latency`: what a program does to weights on every call is done once. Packing first here too: it looks for the
#   transposes that folding takes away. But batch norms go before (`ahead`): they are found behind convolutions, of
#   which packing makes products.
#   Joined are products that packing has made, once CSE has found that they read one input.
JOIN = "canonicalize,cse,infer-join-products"
NAMES = {
    "default": "",
    "size": "infer-quantize-weights{bits=8},infer-cast-weights{dtype=bf16}",
    "latency": f"{JOIN},infer-fold-weight-transforms",
}
_AHEAD = {"latency": "infer-fold-weight-transforms{only=batch-norms}"}


def ahead(name: str, further: Sequence[str] = ()) -> str:
    """What the pipeline `name` does before packing, behind the `further` passes that a user adds: see `shared`."""
    return ",".join([*further, *([_AHEAD[name]] if name in _AHEAD else [])])


def layout(packing: str = "", storage: str = "", *, by_layout: bool = False) -> str:
    """The rest of the middle for one layout of the weights.

    `packing` is the pass that makes it, or nothing: as PyTorch has them. `storage` are the passes behind it that say in
    which types the weights lie. `by_layout` calls packed weights after their layouts too.
    """
    named = f"{packing}{{by-layout=1}}" if packing and by_layout else packing
    # Two transposes of one weight are one by now, after CSE, and a weight with one user is what packing looks for.
    # Products of 1×1 convolutions come last: what folds batch norms, and what packs, look for something else.
    passes = [_CONTRACT, named, storage, "infer-pointwise-products", "canonicalize", "cse"]
    return ",".join(each for each in passes if each)


def whole(name: str, further: Sequence[str] = ()) -> str:
    """All of the pipeline `name` with a user's further passes, for a CPU with AVX-512."""
    return f"{shared(ahead(name, further))},{layout(PACK, NAMES[name])}"
