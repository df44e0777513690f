"""The passes of infc by name. A pass's module is imported when the pass is asked for."""

from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint

from infc.errors import CompileError

from . import plugins
from .base import Pass
from .plugins import Origin

_PASSES = {
    "infer-raise-weights": "weights.raise_weights:RaiseWeights",
    "infer-dedupe-weights": "weights.dedupe_weights:DedupeWeights",
    "infer-guard-gathers": "corrections.guard_gathers:GuardGathers",
    "infer-guard-scatters": "corrections.guard_scatters:GuardScatters",
    "infer-exact-math": "corrections.exact_math:ExactMath",
    "infer-exact-doubles": "corrections.exact_doubles:ExactDoubles",
    "infer-exact-unary": "corrections.exact_unary:ExactUnary",
    "infer-pack-weights": "weights.pack_weights:PackWeights",
    "infer-drop-empty-loops": "corrections.drop_empty_loops:DropEmptyLoops",
    "infer-limit-bindings": "corrections.limit_bindings:LimitBindings",
    "infer-own-destinations": "corrections.own_destinations:OwnDestinations",
    "infer-own-results": "corrections.own_results:OwnResults",
    "infer-fold-weight-transforms": "weights.fold_weight_transforms:FoldWeightTransforms",
    "infer-join-products": "weights.join_products:JoinProducts",
    "infer-transposed-convolutions": "weights.transposed_convolutions:TransposedConvolutions",
    "infer-pointwise-products": "weights.pointwise_products:PointwiseProducts",
    "infer-cast-weights": "weights.cast_weights:CastWeights",
    "infer-quantize-weights": "weights.quantize_weights:QuantizeWeights",
    "infer-partition": "stages.partition:Partition",
    "infer-outline-stages": "stages.outline_stages:OutlineStages",
    "infer-lower-transfers": "stages.lower_transfers:LowerTransfers",
    "mem-schedule": "stages.mem_schedule:MemSchedule",
    "mem-lower": "stages.mem_lower:MemLower",
    "rpc-insert-calls": "stages.insert_calls:InsertCalls",
    "rpc-interface": "stages.rpc_interface:RpcInterface",
    "infer-lower-weights": "weights.lower_weights:LowerWeights",
    "infer-verify-contract": "verify_contract:VerifyContract",
}


def names() -> list[str]:
    """The names of all passes, plugins' too, sorted."""
    return sorted([*_PASSES, *_plugins()])


def is_ours(name: str) -> bool:
    """Whether `name` is in the name space of infc's passes (it may still not exist), or a plugin's pass."""
    return name.startswith(("infer-", "mem-", "rpc-")) or name in _plugins()


def is_own(name: str) -> bool:
    """Whether `name` is a pass that infc brings itself."""
    return name in _PASSES


def is_about_values(name: str) -> bool:
    """Whether `name` is a pass of infc's that changes what is computed with weights, and not how a program is run."""
    return _PASSES.get(name, "").startswith(("weights.", "corrections."))


def origin_of(name: str) -> Origin | None:
    """The package that the plugin's pass `name` comes from; None for what is no plugin's."""
    plugin = _plugins().get(name)
    return plugins.origin(plugin) if plugin else None


def near(name: str) -> list[str]:
    """Up to three names of passes that are like `name`."""
    return get_close_matches(name, names(), n=3)


def lookup(name: str) -> type[Pass]:
    """The class of the pass called `name`.

    Raises:
        CompileError: there is none (with near names), two packages bring one of that name, or a plugin's cannot be
            loaded.
    """
    found = _plugins()
    if name in found:
        return plugins.load(found[name])
    if name in _PASSES:
        module, _, attribute = _PASSES[name].partition(":")
        return getattr(import_module(f".{module}", __package__), attribute)
    guesses = near(name)
    raise CompileError(
        f"there is no pass {name!r}",
        hint=f"did you mean {', '.join(guesses)}?" if guesses else "`infc-opt --list-passes` lists them",
        stage=name,
    )


@cache
def _plugins() -> dict[str, EntryPoint]:
    return plugins.find(frozenset(_PASSES))
