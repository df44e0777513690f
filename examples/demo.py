"""One application, twice: with its checkpoint, and with a pointer and a pool. Run by `make demo`.

Compiles the model, starts a pool, runs examples/embed.py in a folder whose `model.pt` is the real checkpoint and in
one whose `model.pt` is a pointer, and compares. Not zero when the answers differ.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import minilm

HERE = Path(__file__).parent
FOLDER = HERE.parent / "demo"
ARTIFACT = FOLDER / "minilm.infc"
TOLERANCE = 1e-4
progress = Console(stderr=True)


def infc(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "infc", *map(str, arguments)]


def prepare() -> None:
    """Make the two folders: the checkpoint as torch.save writes it, and the pointer to the compiled model."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "checkpoint").mkdir(parents=True)
    (FOLDER / "pointer").mkdir()
    progress.rule("the checkpoint")
    torch.save(minilm.sentence_encoder()[0], FOLDER / "checkpoint" / "model.pt")
    progress.rule("infc compile")
    source = f"{HERE / 'minilm.py'}:sentence_encoder"
    subprocess.run(infc("compile", source, "-o", ARTIFACT, "--name", "minilm"), check=True)
    progress.rule("infc codegen")
    pointer = FOLDER / "pointer" / "model.pt"
    subprocess.run(infc("codegen", ARTIFACT, "-o", FOLDER / "client", "--pointer", pointer), check=True)


@contextmanager
def pool() -> Generator[str]:
    """A pool that serves the artifact; gives its address."""
    progress.rule("infc serve")
    command = infc("serve", ARTIFACT, "--listen", "127.0.0.1:0", "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        if not ready:
            raise SystemExit(process.wait() or 1)
        address = json.loads(ready)["listen"]
        progress.print(f"serving on {address}")
        try:
            yield address
        finally:
            process.terminate()
            process.wait()


def run_application(folder: str, **environment: str) -> dict[str, Any]:
    """Run examples/embed.py in `folder` and return its report."""
    progress.rule(f"examples/embed.py in {FOLDER.name}/{folder}")
    done = subprocess.run(
        [sys.executable, HERE / "embed.py"],
        cwd=FOLDER / folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    report = json.loads(done.stdout)
    report["file_bytes"] = (FOLDER / folder / "model.pt").stat().st_size
    return report


def print_comparison(here: dict[str, Any], there: dict[str, Any], difference: float) -> None:
    # Where there is no terminal to fit into (a log, a file), a line is as wide as its text.
    console = Console(width=None if sys.stdout.isatty() else 160)
    nearest = Table(title="Nearest sentence")
    for title in ("sentence", "with the checkpoint", "with the pointer"):
        nearest.add_column(title)
    for sentence, one, other in zip(here["sentences"], here["nearest"], there["nearest"], strict=True):
        nearest.add_row(sentence, one, other if other != one else "the same")
    console.print(nearest)

    figures = Table(title="The same application, examples/embed.py")
    figures.add_column("")
    for title in ("checkpoint", "pointer and pool"):
        figures.add_column(title, justify="right")
    rows = [
        ("size of model.pt", "file_bytes", "{:,.0f} bytes"),
        ("resident memory of the application", "resident_mib", "{:.0f} MiB"),
        ("  of it before the model was loaded", "resident_before_mib", "{:.0f} MiB"),
        ("time to load", "load_seconds", "{:.3f} s"),
        ("  again, with the model's code imported", "reload_seconds", "{:.3f} s"),
        ("time of a call, median", "call_milliseconds", "{:.1f} ms"),
    ]
    for title, key, form in rows:
        figures.add_row(title, form.format(here[key]), form.format(there[key]))
    console.print(figures)
    console.print(f"Largest difference of an embedding's element: {difference:.1e} (allowed: {TOLERANCE:.0e})")


def main() -> None:
    prepare()
    here = run_application("checkpoint")
    with pool() as address:
        there = run_application("pointer", INFC_AUTOLOAD="1", INFC_POOL=address)
    difference = float(np.abs(np.subtract(here["embeddings"], there["embeddings"])).max())
    print_comparison(here, there, difference)
    # `not (… <= …)`: a NaN is a difference too.
    if not difference <= TOLERANCE or here["nearest"] != there["nearest"]:
        raise SystemExit("error: the two runs differ")
    if there["transformers_imported"]:
        raise SystemExit("error: with the pointer the application imported the model's own code")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        # It has said on stderr what was wrong.
        raise SystemExit(error.returncode) from None
