"""Every error of a pass, a contract or a verifier has a test that knows its words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ERRORS = ("PassError", "CompileError", "ValueError")
SHORTEST = 6  # letters of a message, between two values, that tell it from others


def messages(text: str) -> Iterator[tuple[int, str]]:
    """Line and longest fixed part of each message: of errors, and of what functions called `…_problem` return."""
    for node in ast.walk(ast.parse(text)):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            values = list(node.args)
        if isinstance(node, ast.FunctionDef) and node.name.endswith("_problem"):
            values = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
        for value in values:
            parts = value.values if isinstance(value, ast.JoinedStr) else [value]
            fixed = [
                each.value.lstrip(" :,)'")
                for each in parts
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            ]
            longest = max((part.strip() for part in fixed), key=len, default="")
            if len(longest) >= SHORTEST:
                yield value.lineno, " ".join(longest.split())


def test_every_message_is_known_to_a_test() -> None:
    tests = [*(ROOT / "tests").rglob("*.mlir"), *(ROOT / "tests").rglob("*.py")]
    # A message in two literals is one.
    known = re.sub(r'" f?"', "", " ".join(" ".join(path.read_text().split()) for path in tests))
    found = [
        f"{path.relative_to(ROOT)}:{line}: {words!r}"
        for package in ("passes", "dialects")
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, words in messages(path.read_text())
        if words not in known
    ]
    assert not found, "no test expects:\n" + "\n".join(found)


def test_messages_are_found() -> None:
    assert list(messages('raise PassError(op, f"{name} is a mistake of {kind}")')) == [(1, "is a mistake of")]
    assert list(messages('def _a_problem(op):\n  return "this is wrong"')) == [(2, "this is wrong")]
