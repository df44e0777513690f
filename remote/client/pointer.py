"""The pointer file: a few hundred bytes of text that stand where `model.pt` stood.

    infc pointer v2
    kind = "module"
    model = "minilm"
    digest = "sha256:…"
    interface = "sha256:…"
    pool = "127.0.0.1:8500"

    [[methods]]
    name = "main"
    takes = [["ids", "either", true, ["tensor", "ids"]]]
    returns = ["tensor", "output_0"]

The first line is the magic, the rest is TOML. Every field is required and no other is known, but for these: where the
model's first stages run in the application, `[front]` names the artifact that holds them, and a method of which dims
vary has their ranges and the shapes of the inputs that name them.

    dims = [["rows", 1, 16]]
    shapes = [["ids", ["rows", 128]]]

    [front]
    file = "model.pt.front.infc"
    digest = "sha256:…"

Reading a pointer runs no code and opens no connection.
"""

import os
import re
import stat
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Literal, cast

from infc.errors import ArtifactError, RemoteError

from .address import check_address
from .dims import Dims
from .signature import Parameter, Signature, Tree

Source = str | os.PathLike[str] | IO[bytes]

MAX_SIZE = 256 * 1024  # bytes; most pointers have a few hundred
_MAGIC = b"infc pointer v"
_VERSION = b"2"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_WHAT = "not a pointer this infc understands"
_HINT = "write it again with `infc codegen OUT.infc -o DIR --pointer model.pt`"


@dataclass(frozen=True)
class Front:
    """The artifact with the stages that run in the application: the file beside the pointer, its manifest's digest."""

    path: Path
    digest: str


@dataclass(frozen=True)
class Pointer:
    """What a pointer file says.

    `model` is the name that the pool serves it under, `digest` that of the artifact's manifest, `interface` that of
    what the pool serves of it, `pool` the default address, `methods` how each of its methods is called, `front` what
    runs in the application, None for nothing.
    """

    kind: Literal["module"]
    model: str
    digest: str
    interface: str
    pool: str
    methods: tuple[Signature, ...]
    front: Front | None = None


def is_pointer(source: object) -> bool:
    """Whether a path or a seekable binary file object starts like a pointer, of whatever version.

    Only the magic's bytes are read, and a file object is put back to where it was. What cannot be opened or read is no
    pointer: `torch.load` gives the error that its callers know.
    """
    if isinstance(source, (str, os.PathLike)):
        return _starts_like_a_pointer(source)  # pyright: ignore[reportUnknownArgumentType]
    if not all(hasattr(source, method) for method in ("read", "seek", "tell")):
        return False
    file: IO[bytes] = source  # pyright: ignore[reportAssignmentType]
    try:
        position = file.tell()
        start = file.read(len(_MAGIC))
        file.seek(position)
    except (OSError, ValueError):  # a pipe; a closed file, or a text file in the middle of a character
        return False
    return start == _MAGIC


def read_pointer(source: Source) -> Pointer:
    """Read and check a pointer from a path or from a file object's position to its end.

    Raises:
        ArtifactError: it is too large, of another version, no TOML, or a field is missing, unknown or wrong.
    """
    if isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb") as file:
            return _parse(file.read(MAX_SIZE + 1), os.fspath(source))
    return _parse(source.read(MAX_SIZE + 1), str(getattr(source, "name", "<file object>")))


def _starts_like_a_pointer(name: str | os.PathLike[str]) -> bool:
    try:
        path = Path(name)
        if not stat.S_ISREG(path.stat().st_mode):  # reading from a pipe would take bytes away from torch.load
            return False
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except (OSError, ValueError, TypeError):  # a null byte in the path; a path made of bytes
        return False


def _parse(data: bytes, where: str) -> Pointer:
    def refuse(why: str) -> ArtifactError:
        return ArtifactError(f"{where}: {_WHAT}: {why}", hint=_HINT)

    if len(data) > MAX_SIZE:
        raise refuse(f"it is larger than {MAX_SIZE} bytes")
    first, _, rest = data.partition(b"\n")
    if not first.startswith(_MAGIC):
        raise refuse(f"its first line is {first[:40]!r}, expected {(_MAGIC + _VERSION).decode()!r}")
    version = first.removeprefix(_MAGIC).strip()
    if version != _VERSION:
        raise refuse(f"it is of version {version[:20].decode('ascii', 'replace')!r}, expected 2")
    try:
        table = tomllib.loads(rest.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise refuse(f"no valid TOML after the first line: {error}") from error
    try:
        return _checked(table, where)
    except (ValueError, RemoteError) as error:
        raise refuse(str(error)) from error


def _checked(table: dict[str, object], where: str) -> Pointer:
    known = {field.name for field in fields(Pointer)}
    if missing := sorted(known - table.keys() - {"front"}):
        raise ValueError(f"field {missing[0]!r} is missing")
    if unknown := sorted(table.keys() - known):
        raise ValueError(f"unknown field {unknown[0]!r}: a newer infc wrote it")
    methods = _methods(table.pop("methods"))
    front = _front(table.pop("front"), where) if "front" in table else None
    text: dict[str, str] = {}
    for name, value in table.items():
        if not isinstance(value, str):
            raise ValueError(f"{name} is {value!r}, expected a string")
        text[name] = value
    kind = text["kind"]
    if kind != "module":
        raise ValueError(f"kind is {kind!r}, expected 'module'")
    if not text["model"] or not text["model"].isprintable():
        raise ValueError(f"model is {text['model']!r}, expected a printable name")
    for name in ("digest", "interface"):
        if not _DIGEST.fullmatch(text[name]):
            raise ValueError(f"{name} is {text[name]!r}, expected 'sha256:' and 64 lower-case hexadecimal digits")
    pool = check_address(text["pool"])
    return Pointer(kind, text["model"], text["digest"], text["interface"], pool, methods, front)


def _front(raw: object, where: str) -> Front:
    match raw:
        case {"file": str(file), "digest": str(digest), **rest} if not rest:
            # A name and no path: what a pointer makes an application run lies beside it.
            if file in ("", ".", "..") or not file.isprintable() or set(file) & set("/\\"):
                raise ValueError(f"front.file is {file!r}, expected the name of a file beside the pointer")
            if not _DIGEST.fullmatch(digest):
                raise ValueError(f"front.digest is {digest!r}, expected 'sha256:' and 64 lower-case hexadecimal digits")
            return Front(Path(where).parent / file, digest)
        case _:
            raise ValueError(f"front is {str(raw)[:60]}, expected a table with file and digest")


def _methods(raw: object) -> tuple[Signature, ...]:
    if not isinstance(raw, list) or not raw:
        raise ValueError("methods is no list of tables")
    found = tuple(_method(each) for each in cast("list[object]", raw))
    names = [each.method for each in found]
    if len(set(names)) < len(names):
        raise ValueError("methods has two of one name")
    return found


def _method(raw: object) -> Signature:
    match raw:
        case {"name": str(name), "takes": list(takes), "returns": returns, **rest} if rest.keys() <= {"dims", "shapes"}:
            arguments = tuple(Parameter.parse(each) for each in cast("list[object]", takes))
            if len({each.name for each in arguments}) < len(arguments):
                raise ValueError(f"method {name!r} takes two arguments of one name")
            dims = Dims.parse(rest.get("dims", []), rest.get("shapes", []))
            return Signature(name, arguments, Tree.parse(returns), dims)
        case _:
            raise ValueError(f"{str(raw)[:60]} is no method, expected name, takes and returns")
