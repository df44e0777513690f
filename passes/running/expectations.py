"""What `--verify-diagnostics` compares: the diagnostics that a text announces in its comments, and those that came.

    // expected-error@+1 {{needs a key}}
    %w = "infer.weight"() {key = "", …}

`error` may be `warning`, `remark` or `note`; the place `@+N` or `@-N` lines away, `@above`, `@below`, or `@unknown` for
a diagnostic without one. The text between the braces must be in the message. Notes that nothing expects are let pass.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .runner import Diagnostic

_EXPECTED = re.compile(r"//\s*expected-(error|warning|remark|note)(?:@([+-]\d+|above|below|unknown))?\s*\{\{(.*?)\}\}")
_LOOKS_LIKE_ONE = re.compile(r"//\s*expected-")


@dataclass(frozen=True)
class Expectation:
    """A diagnostic that must come, of which `text` is a part; `line` 0 stands for no place."""

    severity: str
    text: str
    line: int

    def matches(self, diagnostic: Diagnostic) -> bool:
        """Whether `diagnostic` is what was expected."""
        same_place = self.line == diagnostic.line
        return same_place and self.severity == diagnostic.severity and self.text in diagnostic.message


def expectations(text: str) -> list[Expectation]:
    """All that `text` announces. Raises ValueError, with the line, for a comment that begins like one but is none."""
    lines = text.splitlines()
    found: list[Expectation] = []
    for number, line in enumerate(lines, 1):
        matches = list(_EXPECTED.finditer(line))
        if len(matches) != len(_LOOKS_LIKE_ONE.findall(line)):
            raise ValueError(f"line {number}: write // expected-error@+1 {{{{text}}}}, got {line.strip()!r}")
        found += [Expectation(match[1], match[3], _place(match[2], number, lines)) for match in matches]
    return found


def differences(expected: Sequence[Expectation], said: Iterable[Diagnostic]) -> list[Diagnostic]:
    """What was said and not expected, and what was expected and not said, as errors; empty when all is as announced."""
    open_ones = list(expected)
    wrong: list[Diagnostic] = []
    for diagnostic in [each for top in said for each in (top, *top.notes)]:
        match = next((each for each in open_ones if each.matches(diagnostic)), None)
        if match is not None:
            open_ones.remove(match)
        elif diagnostic.severity != "note":
            message = f"unexpected {diagnostic.severity}: {diagnostic.message}"
            wrong.append(Diagnostic("error", message, diagnostic.line, diagnostic.column))
    wrong += [
        Diagnostic("error", f"expected {each.severity} {each.text!r} did not come", each.line, 1) for each in open_ones
    ]
    return wrong


def _place(word: str | None, number: int, lines: list[str]) -> int:
    if word is None:
        return number
    if word == "unknown":
        return 0
    if word in ("above", "below"):
        step = -1 if word == "above" else 1
        here = number + step
        while 1 <= here <= len(lines) and _LOOKS_LIKE_ONE.search(lines[here - 1]):
            here += step
        return here
    return number + int(word)
