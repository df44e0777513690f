"""The passes of infc by name. A pass's module is imported when the pass is asked for."""

from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from infc.errors import CompileError

from .base import Pass

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


PLUGINS = "infc.passes"  # the group of entry points: the pass's name, and its class


def names() -> list[str]:
    """The names of all passes, plugins' too, sorted."""
    return sorted([*_PASSES, *_plugins()])


def is_ours(name: str) -> bool:
    """Whether `name` is in the name space of infc's passes (it may still not exist), or a plugin's pass."""
    return name.startswith(("infer-", "mem-", "rpc-")) or name in _plugins()


def lookup(name: str) -> type[Pass]:
    """The class of the pass called `name`.

    Raises:
        CompileError: there is none (with near names), two packages bring one of that name, or a plugin's cannot be
            loaded.
    """
    plugins = _plugins()
    if name in plugins:
        return _load(plugins[name])
    if name in _PASSES:
        module, _, attribute = _PASSES[name].partition(":")
        return getattr(import_module(f".{module}", __package__), attribute)
    near = get_close_matches(name, names(), n=3)
    raise CompileError(
        f"there is no pass {name!r}",
        hint=f"did you mean {', '.join(near)}?" if near else "`infc-opt --list-passes` lists them",
        stage=name,
    )


@cache
def _plugins() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=PLUGINS):
        other = "infc" if entry.name in _PASSES else _package(found[entry.name]) if entry.name in found else ""
        if other:
            raise CompileError(
                f"two passes are called {entry.name!r}: that of {other} and {_package(entry)}'s {entry.value}",
                hint=f"uninstall one of them; {_package(entry)} should name its pass after itself",
                stage=entry.name,
            )
        found[entry.name] = entry
    return found


def _load(entry: EntryPoint) -> type[Pass]:
    try:
        found = entry.load()
    except (ImportError, AttributeError) as error:
        raise CompileError(
            f"pass {entry.name!r} of {_package(entry)} cannot be loaded from {entry.value}: {error}",
            hint=f"reinstall or uninstall {_package(entry)}",
            stage=entry.name,
        ) from error
    if not (isinstance(found, type) and issubclass(found, Pass) and getattr(found, "name", "") == entry.name):
        raise CompileError(
            f"{entry.value} of {_package(entry)} is no pass called {entry.name!r}",
            hint="a pass is a subclass of infc.passes.base.Pass whose `name` is that of the entry point",
            stage=entry.name,
        )
    return found


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.module
