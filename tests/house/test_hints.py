"""Every error of infc's own leads to the next step: it has a hint, or says itself what was expected."""

import ast
from collections.abc import Iterator
from pathlib import Path

from infc import errors

ROOT = Path(__file__).parents[2]
PACKAGES = ("codegen", "compiler", "dialects", "passes", "remote", "runtime", "src/infc")
CLASSES = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}


def without_next_step(text: str) -> Iterator[int]:
    """The lines of the errors that are made without a hint and do not say what was expected."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in CLASSES:
            continue
        told = any(word.arg in ("hint", None) for word in node.keywords)  # None: **keywords, which may hold one
        if not told and not (node.args and "expected" in ast.unparse(node.args[0])):
            yield node.lineno


def test_every_error_says_what_to_do() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for line in without_next_step(path.read_text())
    ]
    assert not found, f"no hint, and no word of what was expected: {', '.join(found)}"


def test_one_that_does_not_is_noticed() -> None:
    assert list(without_next_step("raise SourceError('it is wrong')")) == [1]
    assert not list(without_next_step("raise SourceError('it is 1, expected 2')"))
    assert not list(without_next_step("raise SourceError('it is wrong', hint='mend it')"))
    assert not list(without_next_step("raise SystemExit('it is wrong')"))
