"""What there is in the zoo: each file of `FAMILIES` is a family, each function that it defines an entry.

An entry is a factory: `infc compile zoo/text.py:bert -o bert.infc` compiles it alone.
"""

import ast
from pathlib import Path

HERE = Path(__file__).parent
FAMILIES = {
    "text": "text encoder",
    "decoder": "decoder, without a cache",
    "experts": "mixture of experts",
    "statespace": "state space",
    "seq2seq": "encoder-decoder",
    "vision": "vision",
    "audio": "audio",
    "multimodal": "multimodal",
    "modules": "torch.nn",
    "sharing": "narrow floats, shared and unsaved tensors",
}


def names() -> list[str]:
    """`family.entry` of every entry, in the order of the files, read without importing a model's library."""
    return [f"{family}.{name}" for family in FAMILIES for name in entries(family)]


def entries(family: str) -> list[str]:
    """The functions of a family's file that take no argument and return an `Entry`."""
    tree = ast.parse((HERE / f"{family}.py").read_text())
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not node.args.args
        and isinstance(node.returns, ast.Name)
        and node.returns.id == "Entry"
    ]
