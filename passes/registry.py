"""The passes of infc by name. A pass's module is imported when the pass is asked for."""

from difflib import get_close_matches
from importlib import import_module

from infc.errors import CompileError

from .base import Pass

_PASSES = {
    "infer-raise-weights": "raise_weights:RaiseWeights",
    "infer-dedupe-weights": "dedupe_weights:DedupeWeights",
    "infer-guard-gathers": "guard_gathers:GuardGathers",
    "infer-guard-scatters": "guard_scatters:GuardScatters",
    "infer-exact-math": "exact_math:ExactMath",
    "infer-exact-unary": "exact_unary:ExactUnary",
    "infer-pack-weights": "pack_weights:PackWeights",
    "infer-own-destinations": "own_destinations:OwnDestinations",
    "infer-cast-weights": "cast_weights:CastWeights",
    "infer-quantize-weights": "quantize_weights:QuantizeWeights",
    "infer-partition": "partition:Partition",
    "infer-outline-stages": "outline_stages:OutlineStages",
    "infer-lower-transfers": "lower_transfers:LowerTransfers",
    "infer-lower-weights": "lower_weights:LowerWeights",
    "infer-verify-contract": "verify_contract:VerifyContract",
}


def names() -> list[str]:
    """The names of all passes, sorted."""
    return sorted(_PASSES)


def is_ours(name: str) -> bool:
    """Whether `name` is in the name space of infc's passes (it may still not exist)."""
    return name.startswith(("infer-", "mem-", "rpc-"))


def lookup(name: str) -> type[Pass]:
    """The class of the pass called `name`. Raises CompileError, with near names, when there is none."""
    if name not in _PASSES:
        near = get_close_matches(name, _PASSES, n=3)
        raise CompileError(
            f"there is no pass {name!r}",
            hint=f"did you mean {', '.join(near)}?" if near else "`infc-opt --list-passes` lists them",
            stage=name,
        )
    module, _, attribute = _PASSES[name].partition(":")
    return getattr(import_module(f".{module}", __package__), attribute)
