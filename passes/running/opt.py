"""`infc-opt`: run passes on .mlir text."""

import faulthandler
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infc.console import exit_code_of
from infc.errors import CompileError

if TYPE_CHECKING:
    from .runner import Diagnostic, RunOptions

_NEXT_STEP = "--print-ir-after-all shows where it goes wrong; `infc-opt --list-passes` says what each pass takes"
_SPLIT = re.compile(r"^[ \t]*// -----[^\n]*\n", re.MULTILINE)
_NO_BRACKETS = re.compile(r"[^()\[\]{}]+")
DEEPEST = 1000  # brackets; MLIR's parser gets through some more than that


@click.command(name="infc-opt")
@click.argument("source", metavar="[FILE]", default="-")
@click.option("--pass-pipeline", default="", help="builtin.module(a,b{x=1}): passes of infc and of MLIR, in order.")
@click.option("-o", "--output", default="-", help="Where the IR goes; standard output when not given.")
@click.option("--list-passes", is_flag=True, help="List the passes of infc with their options, and what each does.")
@click.option(
    "--split-input-file", is_flag=True, help="Take what lies between lines of // ----- as files of their own."
)
@click.option("--verify-diagnostics", is_flag=True, help="Compare what is said with the // expected-error comments.")
@click.option("--verify-each/--no-verify-each", default=True, help="Verify the IR after every pass (the default).")
@click.option("--print-ir-before-all", is_flag=True, help="Print the IR before every pass, on standard error.")
@click.option("--print-ir-after-all", is_flag=True, help="Print the IR after every pass, on standard error.")
@click.option("--print-ir-after-change", is_flag=True, help="Print the IR after every pass that changed it.")
@click.option("--mlir-timing", is_flag=True, help="Print the time of every pass, on standard error.")
@click.option("--mlir-print-debuginfo", is_flag=True, help="Print locations.")
@click.option("--mlir-print-op-generic", is_flag=True, help="Print every operation in the generic form.")
def command(
    source: str,
    pass_pipeline: str,
    output: str,
    list_passes: bool,
    split_input_file: bool,
    verify_diagnostics: bool,
    verify_each: bool,
    print_ir_before_all: bool,
    print_ir_after_all: bool,
    print_ir_after_change: bool,
    mlir_timing: bool,
    mlir_print_debuginfo: bool,
    mlir_print_op_generic: bool,
) -> None:
    """Run a pass pipeline over the MLIR module in FILE (standard input when it is - or not given)."""
    if list_passes:
        _list()
        return
    from .runner import RunOptions

    options = RunOptions(
        pipeline=pass_pipeline,
        verify_each=verify_each,
        print_before=print_ir_before_all,
        print_after=print_ir_after_all,
        print_after_change=print_ir_after_change,
        timing=mlir_timing,
        locations=mlir_print_debuginfo,
        generic=mlir_print_op_generic,
    )
    text = _read(source)
    chunks = list(_chunks(text)) if split_input_file else [text]
    _write(output, "\n// -----\n".join(_results(source, chunks, options, verify_diagnostics)))


def main() -> None:
    """Entry point of the console script."""
    faulthandler.enable()  # what crashes natively, a plugin's pass say, is told with the Python that called it
    sys.exit(exit_code_of(lambda: command(standalone_mode=False)))


def _results(source: str, chunks: list[str], options: "RunOptions", verify_diagnostics: bool) -> list[str]:
    """The text of each chunk after the pipeline, without those that fail as they should. Raises CompileError."""
    from .runner import make_context, run_text

    if (depth := _depth(chunks)) > DEEPEST:
        raise CompileError(
            f"{_name(source)}: brackets are nested {depth} deep, at most {DEEPEST} are read",
            stage="parse",
            hint="MLIR's parser calls itself for each, and ends the process where its stack ends",
        )
    shared = make_context()
    results: list[str] = []
    wrong: list[Diagnostic] = []
    hint = ""
    for chunk in chunks:
        # A context gives every resource a name of its own: that of a second text would become another.
        context = make_context() if "dense_resource" in chunk and len(chunks) > 1 else shared
        outcome = run_text(chunk, context, options)
        if outcome.text is not None:
            results.append(outcome.text)
        if verify_diagnostics:
            wrong += _differences(source, chunk, outcome.said)
            continue
        for each in outcome.said:
            if each.severity == "error":
                wrong.append(each)
            else:
                click.echo(each.format(_name(source)), err=True)
        hint = hint or outcome.hint
    if wrong:
        _fail(source, wrong, hint)
    return results


def _depth(texts: Iterable[str]) -> int:
    """How deep the brackets of some text are nested, those in strings and comments too."""
    deepest = 0
    for text in texts:
        steps = (1 if bracket in "([{" else -1 for bracket in _NO_BRACKETS.sub("", text))
        deepest = max(deepest, max(accumulate(steps), default=0))
    return deepest


def _fail(source: str, wrong: "list[Diagnostic]", hint: str) -> None:
    first, *rest = wrong
    for each in rest:
        click.echo(each.format(_name(source)), err=True)
    place, _, message = first.format(_name(source)).partition(" error: ")
    raise CompileError(f"{place} {message}", hint=hint or _NEXT_STEP, stage="infc-opt")


def _differences(source: str, chunk: str, said: "Sequence[Diagnostic]") -> "list[Diagnostic]":
    from .expectations import differences, expectations

    try:
        return differences(expectations(chunk), said)
    except ValueError as error:
        raise CompileError(
            f"{_name(source)}: {error}", stage="parse", hint="the line and column are those of the input"
        ) from None


def _chunks(text: str) -> Iterator[str]:
    """The parts between the lines `// -----`, each behind as many empty lines as lie before it: places stay right."""
    start = 0
    for match in [*_SPLIT.finditer(text), None]:
        end = match.start() if match else len(text)
        yield "\n" * text.count("\n", 0, start) + text[start:end]
        start = match.end() if match else end


def _name(source: str) -> str:
    return "<stdin>" if source == "-" else source


def _list() -> None:
    from .. import registry

    for name in registry.names():
        try:
            one = registry.lookup(name)
        except CompileError as error:  # a package's fault, which is none of the other passes'
            click.echo(f"warning: {error.message}; hint: {error.hint}", err=True)
            continue
        click.echo(f"{name:28} {(one.__doc__ or '').partition(chr(10))[0]}")
        for option in one.describe_options():
            click.echo(f"    {option}")


def _read(source: str) -> str:
    try:
        return (sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()).decode()
    except UnicodeDecodeError as error:
        raise CompileError(
            f"{_name(source)} is no text: {error}",
            stage="parse",
            hint="MLIR's bytecode becomes text with `mlir-opt x.mlirbc`",
        ) from error
    except OSError as error:
        raise CompileError(
            f"{source} cannot be read: {error}",
            stage="parse",
            hint="is the path right, seen from this directory? `-` is standard input",
        ) from error


def _write(output: str, text: str) -> None:
    if output == "-":
        click.echo(text)
        return
    try:
        Path(output).write_text(text + "\n")
    except OSError as error:
        raise CompileError(
            f"{output} cannot be written: {error.strerror}",
            stage="write",
            hint="-o FILE in a directory that you may write to",
        ) from error
