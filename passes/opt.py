"""`infc-opt`: run passes on .mlir text."""

import sys
from pathlib import Path

import click

from infc.console import exit_code_of
from infc.errors import CompileError


@click.command(name="infc-opt")
@click.argument("source", metavar="[FILE]", default="-")
@click.option("--pass-pipeline", default="", help="builtin.module(a,b{x=1}): passes of infc and of MLIR, in order.")
@click.option("-o", "--output", default="-", help="Where the IR goes; standard output when not given.")
@click.option("--list-passes", is_flag=True, help="List the passes of infc, and what each does.")
@click.option("--mlir-print-debuginfo", is_flag=True, help="Print locations.")
@click.option("--verify-diagnostics", is_flag=True, help="Exit with 0 when the run fails, and print the errors.")
def command(
    source: str,
    pass_pipeline: str,
    output: str,
    list_passes: bool,
    mlir_print_debuginfo: bool,
    verify_diagnostics: bool,
) -> None:
    """Run a pass pipeline over the MLIR module in FILE (standard input when it is - or not given)."""
    if list_passes:
        _list()
        return
    text = _read(source)
    try:
        result = _run(text, pass_pipeline, mlir_print_debuginfo)
    except CompileError as error:
        if not verify_diagnostics:
            raise
        click.echo(error.message)
        return
    if output == "-":
        click.echo(result)
        return
    try:
        Path(output).write_text(result)
    except OSError as error:
        raise CompileError(f"{output} cannot be written: {error.strerror}", stage="write") from error


def main() -> None:
    """Entry point of the console script."""
    sys.exit(exit_code_of(lambda: command(standalone_mode=False)))


def _run(text: str, pipeline_text: str, debuginfo: bool) -> str:
    import torch_mlir.dialects.torch as torch_dialect
    from torch_mlir import ir
    from torch_mlir.passmanager import PassManager

    from .. import dialects
    from . import pipeline

    context = ir.Context()
    torch_dialect.register_dialect(context)
    dialects.load(context)
    # IREE's dialects, which the last pass of ours writes, are not known here.
    context.allow_unregistered_dialects = True
    # tm_tensor is registered nowhere; a pass that makes it loads it, also when there is nothing to do.
    PassManager.parse("builtin.module(func.func(convert-torch-to-tmtensor))", context).run(
        ir.Module.parse("", context).operation
    )
    try:
        module = ir.Module.parse(text, context)
    except ir.MLIRError as error:
        raise CompileError(str(error), hint="the text must be one MLIR module", stage="parse") from error
    if pipeline_text:
        pipeline.run(module.operation, pipeline_text)
    return module.operation.get_asm(enable_debug_info=debuginfo).rstrip()


def _list() -> None:
    from . import registry

    for name in registry.names():
        summary = (registry.lookup(name).__doc__ or "").partition("\n")[0]
        click.echo(f"{name:28} {summary}")


def _read(source: str) -> str:
    if source == "-":
        return sys.stdin.read()
    try:
        return Path(source).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CompileError(f"{source} cannot be read: {error}", stage="parse") from error
