"""From a traced model to what everything behind the import needs; kept, so that a target added later begins there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import torch

from ..runtime.artifact import Method
from .build import Job
from .caching.contents import tensors_of
from .caching.identity import source_digest
from .dynamic import Dynamic
from .dynamic.candidates import Plan
from .frontend.dtypes import TORCH_DTYPES
from .frontend.export import Program, Traced, decompose
from .frontend.importer import import_program
from .plan import Entry, Stages, decide, entries
from .slab.digests import Digests
from .slab.weights import WeightTable
from .toolchain.tools import Tools


@dataclass(frozen=True)
class Front:
    """The methods with their IR, the weights that they read, and the digest of it all, see `source_digest`."""

    methods: tuple[Entry, ...]
    weights: WeightTable
    source: str


class _Record(msgspec.Struct):
    """What is kept of a `Front`: all but the tensors, of which the traced model has its own."""

    interfaces: list[Method]
    decided: list[Plan | None]
    jobs: list[tuple[Job, ...]]
    digests: dict[str, str]
    source: str


def front(
    traced: Sequence[Traced], contents: str | None, dynamic: Dynamic, seed: int, tools: Tools, hashed: Digests,
    stage: Stages,
) -> Front:  # fmt: skip
    """Decompose and import the traced methods of one model, and decide what is tried where dims vary.

    What an earlier compile made of the same `contents` is taken from the cache.

    Raises:
        SourceError: a method cannot be compiled, or PyTorch fails on inputs like the example.
        UsageError: what was asked for about varying dims does not fit.
        CompileError: an operator does not decompose, or is not imported.
    """
    made_from = [contents or "", repr(dynamic), str(seed)]
    known = tools.recall("import", made_from) if contents else None
    if known is not None:
        with stage("import"):
            found = _recalled(msgspec.msgpack.decode(known, type=_Record), traced, hashed)
        if found is not None:
            return found
    made = _made(traced, dynamic, seed, hashed, stage)
    if contents:
        tools.keep("import", made_from, msgspec.msgpack.encode(_record(made)))
    return made


def _made(traced: Sequence[Traced], dynamic: Dynamic, seed: int, hashed: Digests, stage: Stages) -> Front:
    with stage("export"):
        programs = [decompose(each) for each in traced]
        decided = decide(programs, dynamic, seed)
    weights = WeightTable(hashed=hashed)
    with stage("import"):
        imported = [import_program(each, weights) for each in programs]
        source = source_digest(programs, weights)
        methods = entries(programs, imported, decided, weights, doubles=_has_doubles(programs, weights))
    return Front(tuple(methods), weights, source)


def _record(made: Front) -> _Record:
    return _Record(
        [each.program.method for each in made.methods],
        [each.decided for each in made.methods],
        [each.jobs for each in made.methods],
        made.weights.digests,
        made.source,
    )


def _recalled(record: _Record, traced: Sequence[Traced], hashed: Digests) -> Front | None:
    """The front with the traced model's tensors; None where one of its weights came about on the way."""
    weights = WeightTable(hashed=hashed)
    held: dict[str, torch.Tensor] = {}
    for each in traced:
        for tensor in tensors_of(each).values():
            if tensor.dtype in TORCH_DTYPES:
                held.setdefault(hashed.of(tensor), tensor)
    for key, digest in record.digests.items():
        if digest not in held:
            return None
        weights.add(key, held[digest])
    programs = [
        Program(each.source, each.exported, method) for each, method in zip(traced, record.interfaces, strict=True)
    ]
    parts: Any = zip(programs, record.decided, record.jobs, strict=True)
    return Front(tuple(Entry(*each) for each in parts), weights, record.source)


def _has_doubles(programs: Sequence[Program], weights: WeightTable) -> bool:
    specs = [spec for each in programs for spec in (*each.method.inputs, *each.method.outputs)]
    return any(spec.dtype == "f64" for spec in specs) or torch.float64 in {t.dtype for t in weights.tensors.values()}
