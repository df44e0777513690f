"""Workloads that were recorded: a request log as CSV, and the public traces of Azure Functions."""

import csv
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TextIO

import numpy as np

from infc.errors import InfcError

from .synthetic import Zipf, parse_options
from .workload import Workload

_MINUTES = 1440
_LONGEST = 1 << 20  # characters in a line; a row of Azure's first trace has some thousands


def recorded(text: str) -> Workload:
    """A workload from a CSV file, told by its header, with options behind the name: `calls.csv:size=2GB,spread=0`.

    - `at,model` or `at,model,size`: seconds, a name, bytes (its largest counts).
    - `HashOwner,HashApp,HashFunction,Trigger,1,…,1440`: calls in each minute of a day (Azure Functions 2019). The calls
      of a minute are spread over it at random.
    - `app,func,end_timestamp,duration`: seconds (Azure Functions 2021).

    Functions stand for models. Where the file has no sizes, they are drawn as for `zipf`; of its options `size`,
    `spread`, `family`, `shared` and `seed` count.

    Raises:
        InfcError: no such file, none of these formats, or a line that is not what the header says.
    """
    name, _, given = text.partition(":")
    options = parse_options(text, given, Zipf)
    path = Path(name)
    if path.exists() and not path.is_file():  # opening a pipe would wait for its writer
        raise InfcError(f"trace {name!r} is no regular file", hint="give a CSV file")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(_lines(path, file), strict=True)
            header = [field.strip() for field in next(rows, [])]
            at, models, sizes = _read(path, header, rows, options)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InfcError(
            f"trace {name!r}: {reason}", hint="give a CSV file, or zipf:…, diurnal:… or bursts:…"
        ) from error
    if not len(at):
        raise InfcError(f"trace {name!r} has a header and no calls", hint="one line a call below the header")
    order = np.argsort(at, kind="stable")
    names = {model: number for number, model in enumerate(dict.fromkeys(models))}
    drawn = options.sizes(len(names))
    for model, size in sizes.items():
        drawn[names[model]] = size
    numbers = np.fromiter((names[model] for model in models), np.int64, len(models))
    return Workload((at - at.min())[order], numbers[order], drawn, options.family, options.shared)


Rows = Iterator[list[str]]
Calls = tuple[np.ndarray, list[str], dict[str, int]]


def _read(path: Path, header: list[str], rows: Rows, options: Zipf) -> Calls:
    if header in (["at", "model"], ["at", "model", "size"]):
        return _log(path, rows, len(header))
    if header == ["app", "func", "end_timestamp", "duration"]:
        return _azure_2021(path, rows)
    if header[:4] == ["HashOwner", "HashApp", "HashFunction", "Trigger"] and len(header) == 4 + _MINUTES:
        return _azure_2019(path, rows, options)
    raise InfcError(
        f"trace {str(path)!r}: unknown header {','.join(header)[:80]!r}",
        hint="expected at,model[,size], or the header of an Azure Functions trace of 2019 (1440 minutes) or 2021",
    )


def _log(path: Path, rows: Rows, columns: int) -> Calls:
    at: list[float] = []
    models: list[str] = []
    sizes: dict[str, int] = {}
    for line, row in enumerate(rows, 2):
        if len(row) != columns:
            raise _bad(path, line, row)
        at.append(_finite(path, line, row, 0))
        models.append(row[1])
        if columns == 3:
            size = _finite(path, line, row, 2)
            if not 1 <= size < 1 << 46:
                raise _bad(path, line, row)
            sizes[row[1]] = max(sizes.get(row[1], 0), int(size))
    return np.array(at), models, sizes


def _azure_2021(path: Path, rows: Rows) -> Calls:
    at: list[float] = []
    models: list[str] = []
    for line, row in enumerate(rows, 2):
        if len(row) != 4:
            raise _bad(path, line, row)
        at.append(_finite(path, line, row, 2) - _finite(path, line, row, 3))
        models.append(f"{row[0]}/{row[1]}")
    return np.array(at), models, {}


def _azure_2019(path: Path, rows: Rows, options: Zipf) -> Calls:
    rng = np.random.default_rng((options.seed, 2))
    at: list[np.ndarray] = [np.zeros(0)]
    models: list[str] = []
    for line, row in enumerate(rows, 2):
        try:
            counts = np.array(row[4:], dtype=np.int64)
        except (ValueError, OverflowError) as error:
            raise _bad(path, line, row) from error
        if len(counts) != _MINUTES or counts.min() < 0 or counts.max() > 10**7:
            raise _bad(path, line, row)
        minutes = np.repeat(np.arange(_MINUTES), counts)
        at.append(60 * (minutes + rng.random(len(minutes))))
        models += [f"{row[1]}/{row[2]}"] * len(minutes)
    return np.concatenate(at), models, {}


def _finite(path: Path, line: int, row: list[str], column: int) -> float:
    try:
        value = float(row[column])
    except ValueError as error:
        raise _bad(path, line, row) from error
    if not np.isfinite(value):
        raise _bad(path, line, row)
    return value


def _bad(path: Path, line: int, row: list[str]) -> InfcError:
    return InfcError(
        f"trace {str(path)!r}, line {line}: {','.join(row)[:80]!r} is not what the header promises",
        hint="`infc memory simulate --help` names the formats",
    )


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    """The file's lines, of which none is read that is longer than a line may be."""
    for number in count(1):
        line = file.readline(_LONGEST)
        if len(line) == _LONGEST:
            raise InfcError(
                f"trace {str(path)!r}, line {number} has {_LONGEST} characters: this is no CSV file",
                hint="a trace is text: a header, then one line a call",
            )
        if not line:
            return
        yield line
