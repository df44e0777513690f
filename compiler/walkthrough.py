"""What every pass does to one small model, from real runs: `python -m infc.compiler.walkthrough PAGE`.

The page, docs/concepts/compiler.md, has a line that begins the part written here and one that ends it. What is written
depends on the pinned versions only: no places, no digests.
"""

import inspect
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import torch
from torch_mlir import ir

from ..passes import named, pipeline, registry
from ..passes.running.runner import make_context
from .frontend.export import decompose, trace
from .frontend.importer import import_program
from .frontend.source import Source
from .slab.weights import WeightTable
from .walkthrough_models import Corners, Model

BEGIN, END = "<!-- what follows is written by `make docs` -->\n", "<!-- what was written by `make docs` ends here -->\n"
LONGEST = 40  # lines of one difference
_FOLD = named.NAMES["latency"]
_CORNERS = "Where that model has nothing to change"

# Title, passes, and the part whose IR they begin with.
_PARTS = (
    ("What every target shares", named.SHARED, ""),
    ("The layout of a CPU with AVX-512", named.layout(named.PACK), "What every target shares"),
    ("For IREE", named.FOR_IREE, "The layout of a CPU with AVX-512"),
    (
        "On request: fewer bits",
        "infer-quantize-weights{bits=8 at-least=1},infer-cast-weights{dtype=bf16 at-least=1}",
        "The layout of a CPU with AVX-512",
    ),
    ("On request: done once", _FOLD, "What every target shares"),
    (
        "On request: in two stages",
        "infer-partition{stages=2},infer-outline-stages,mem-schedule,rpc-interface,infer-verify-contract{level=2},"
        "mem-lower,infer-lower-transfers",
        "The layout of a CPU with AVX-512",
    ),
    (
        "On request: between an application and a pool",
        "infer-partition{split=table:client;*:pool},infer-outline-stages,rpc-insert-calls",
        "What every target shares",
    ),
)


def written(page: str) -> str:
    """The page with its part anew. Raises ValueError when it has no such part."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no part between {BEGIN.strip()!r} and {END.strip()!r}")
    return f"{before}{BEGIN}\n{walk()}\n{END}{after}"


def walk() -> str:
    """The passes, each with the lines of the IR that it takes away and puts in."""
    parts = [_described("The model", Model)]
    states = {"": _linalg(Model(), (torch.arange(4),))}
    seen: set[str] = set()
    changed: set[str] = set()
    for title, passes, before in _PARTS:
        parts.append(f"### {title}")
        for step, text, after in _run(states[before], passes):
            parts.append(_section(step, text, after, said=step not in seen))
            seen.add(step)
            changed |= {step} if text != after else set()
            states[title] = after
    return "\n\n".join([*parts, *_corners(changed)]) + "\n"


def _corners(changed: Collection[str]) -> Iterator[str]:
    """The passes that changed nothing of the model, on one that has what they are for."""
    yield f"### {_CORNERS}"
    yield _described(
        "The passes that found nothing to do, and convolutions with the batch norms of `latency`, on a second model",
        Corners,
    )
    start = _linalg(Corners(), (torch.rand(1, 2, 40, 40), torch.tensor([[0, 2, 1]])))
    passes = f"{named.whole('latency')},{named.FOR_IREE}"
    for step, text, after in _run(start, passes):
        if text != after and (step == named.PACK or (step not in changed and registry.is_ours(step.partition("{")[0]))):
            yield _section(step, text, after, said=False)


def _run(text: str, passes: str) -> Iterator[tuple[str, str, str]]:
    """Each pass, with the IR before and after it."""
    module = ir.Module.parse(text, make_context()).operation
    for step in pipeline.elements(passes):
        before = _text(module)
        pipeline.run(module, step)
        yield step, before, _text(module)


def _described(what: str, model: type[torch.nn.Module]) -> str:
    return f"{what}:\n\n```python\n{inspect.getsource(model).rstrip()}\n```"


def _linalg(model: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> str:
    """The model's linalg, before any pass of infc's."""
    program = decompose(trace(Source("model", model.eval(), inputs, {})))
    imported = import_program(program, WeightTable())
    module = ir.Module.parse(imported.text, make_context()).operation
    pipeline.run(module, imported.lowering)
    return _text(module)


def _text(module: ir.Operation) -> str:
    return module.get_asm(enable_debug_info=False)


def _section(step: str, before: str, after: str, *, said: bool) -> str:
    name = step.partition("{")[0]
    known = said and registry.is_ours(name)
    what = " ".join((inspect.getdoc(registry.lookup(name)) or "").partition("\n\n")[0].split()) if known else ""
    lines = list(_difference(_lines(before), _lines(after)))
    shown = lines[:LONGEST] + ([f"  … {len(lines) - LONGEST} more lines"] if len(lines) > LONGEST else [])
    body = "```diff\n" + "\n".join(shown) + "\n```" if lines else "It changes nothing here."
    return "\n\n".join(part for part in (f"#### `{step}`", what, body) if part)


def _lines(text: str) -> list[str]:
    short = re.sub(r"sha256:[0-9a-f]{64}", "sha256:…", text)
    return [line.removeprefix("  ").rstrip() for line in short.splitlines()]


def _difference(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """The lines that are not in both, with `-` and `+`: other numbers of values and of maps make no difference."""
    plain = [[re.sub(r"[%#][\w:#]+", "%", line).strip() for line in each] for each in (before, after)]
    for kind, a, b, c, d in SequenceMatcher(None, *plain, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (f"-{line}" for line in before[a:b])
            yield from (f"+{line}" for line in after[c:d])


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
