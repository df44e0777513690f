"""What makes a source the same model, wherever it lay and whoever compiles it."""

import hashlib
import json

import msgspec

from .export import Program
from .weights import WeightTable


def source_digest(program: Program, weights: WeightTable) -> str:
    """The sha256 of the model's graph, its interface and its weights' contents.

    How arguments are given is no part of it: a `.pt2` knows less of that than the module that it was made
    from.

    Args:
        program: the exported model.
        weights: of that program, after it was imported.
    """
    method = msgspec.structs.replace(program.method, takes=())
    contents = [f"{key}={digest}" for key, digest in sorted(weights.digests.items())]
    parts = [str(program.exported.graph), repr(method), *contents]
    return f"sha256:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"
