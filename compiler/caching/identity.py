"""What makes a source the same model, wherever it lay and whoever compiles it."""

import hashlib
import json
from collections.abc import Sequence

import msgspec

from ..frontend.export import Program
from ..slab.weights import WeightTable


def source_digest(programs: Sequence[Program], weights: WeightTable) -> str:
    """The sha256 of the model's graphs, its interface and its weights' contents.

    How arguments are given is no part of it: a `.pt2` knows less of that than the module that it was made from.

    Args:
        programs: the exported model, once for each of its methods.
        weights: of those programs, after they were imported.
    """
    contents = [f"{key}={digest}" for key, digest in sorted(weights.digests.items())]
    graphs = [
        part
        for program in programs
        for part in (str(program.exported.graph), repr(msgspec.structs.replace(program.method, takes=())))
    ]
    return f"sha256:{hashlib.sha256(json.dumps([*graphs, *contents]).encode()).hexdigest()}"
