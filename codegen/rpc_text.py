"""What text is handed to MLIR's parser at all.

The text of an `rpc` module comes from an artifact, and so from a stranger. MLIR's parser is recursive and in C++: deep
nesting ends the process. What `infc compile` writes is plain: operations, types and attributes, spelled out. Anything
else is refused here, by looking at the characters alone.
"""

import re

from infc.errors import ArtifactError

LARGEST = 16 << 20  # bytes
DEEPEST = 200  # brackets; the trees of a signature have at most 32 levels of two

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2})")
# No aliases, locations, affine expressions, resources or values: `#`, `!`, `%`, `*` and the like; a minus in `->` and
# before a number only.
_PLAIN = re.compile(r"(?:[A-Za-z0-9_.:,=?@\s()\[\]{}<]|->|>|-(?=\d))*")


def checked(data: bytes, where: str) -> str:
    """The text of an `rpc` module, which MLIR's parser will not trip over.

    Raises:
        ArtifactError: it is too large, no text, nested too deeply, or uses what no interface needs.
    """
    problem = _problem(data)
    if problem:
        raise ArtifactError(
            f"{where}: the rpc module {problem}", hint="compile the model again; do not trust where this file came from"
        )
    return data.decode()


def _problem(data: bytes) -> str:
    if len(data) > LARGEST:
        return f"has {len(data)} bytes, at most are {LARGEST}"
    try:
        text = data.decode()
        _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), data).decode()
    except UnicodeDecodeError as error:
        return f"is no UTF-8 text: {error.reason} at byte {error.start}"
    bare = _STRING.sub("", text)
    end = _PLAIN.match(bare)
    if end is None or end.end() < len(bare):
        found = bare[end.end() if end else 0 :][:20]
        return f"has {found!r}, which no interface needs"
    depth = 0
    for bracket in re.findall(r"[\[\](){}<]|(?<!-)>", bare):
        depth += 1 if bracket in "[({<" else -1
        if depth > DEEPEST:
            return f"is nested more than {DEEPEST} brackets deep"
    return ""
