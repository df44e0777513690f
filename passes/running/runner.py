"""One run of a pipeline over one module's text, with everything that MLIR says about it."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch_mlir.dialects.torch as torch_dialect
from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from infc.errors import CompileError

from ... import dialects
from .. import pipeline

_TEXT = "-"  # what MLIR calls a text that is no file


@dataclass(frozen=True)
class RunOptions:
    """What is run, and what is printed on stderr and in the result."""

    pipeline: str = ""
    verify_each: bool = True
    print_before: bool = False
    print_after: bool = False
    print_after_change: bool = False
    timing: bool = False
    locations: bool = False
    generic: bool = False


@dataclass(frozen=True)
class Diagnostic:
    """What MLIR, or a pass, says about a place in the text; line and column are 0 where the place is not known.

    `origin` is `model.py:7:3` where the IR says that it was made from another file.
    """

    severity: str  # error, warning, remark, note
    message: str
    line: int = 0
    column: int = 0
    notes: "tuple[Diagnostic, ...]" = ()
    origin: str = ""

    def format(self, source: str) -> str:
        """`x.mlir:3:5: error: …`, and a line for each note."""
        place = self.origin or (f"{source}:{self.line}:{self.column}" if self.line else source)
        return "\n".join([f"{place}: {self.severity}: {self.message}", *(note.format(source) for note in self.notes)])


@dataclass(frozen=True)
class Outcome:
    """The text after the pipeline, None when something failed; what was said on the way; a failed pass's hint."""

    text: str | None
    said: tuple[Diagnostic, ...]
    hint: str = ""


def make_context() -> ir.Context:
    """A context that knows torch-mlir's dialects and infc's."""
    context = ir.Context()
    torch_dialect.register_dialect(context)
    dialects.load(context)
    # IREE's dialects, which the last pass of ours writes, are not known here.
    context.allow_unregistered_dialects = True
    # tm_tensor is registered nowhere; a pass that makes it loads it, also when there is nothing to do.
    PassManager.parse("builtin.module(func.func(convert-torch-to-tmtensor))", context).run(
        ir.Module.parse("", context).operation
    )
    return context


def run_text(text: str | bytes, context: ir.Context, options: RunOptions) -> Outcome:
    """Parse `text`, run the pipeline over it, print it. Raises CompileError when the pipeline itself makes no sense."""
    failures: list[CompileError] = []
    said: list[Diagnostic] = []
    manager = pipeline.parse(options.pipeline, context, failures)
    _configure(manager, context, options)
    with _listening(context, said):
        try:
            module = ir.Module.parse(text, context)
            manager.run(module.operation)
        except ir.MLIRError as error:
            if not any(each.severity == "error" for each in said):
                said.append(Diagnostic("error", _first_line(str(error))))
            return Outcome(None, tuple(said), failures[0].hint if failures else "")
    result = module.operation.get_asm(enable_debug_info=options.locations, print_generic_op_form=options.generic)
    return Outcome(result.rstrip(), tuple(said))


def _configure(manager: PassManager, context: ir.Context, options: RunOptions) -> None:
    manager.enable_verifier(options.verify_each)
    if options.print_before or options.print_after or options.print_after_change:
        context.enable_multithreading(False)  # MLIR refuses to print from several threads
        manager.enable_ir_printing(
            print_before_all=options.print_before,
            print_after_all=options.print_after or options.print_after_change,
            print_after_change=options.print_after_change,
            print_module_scope=True,
            enable_debug_info=options.locations,
            print_generic_op_form=options.generic,
        )
    if options.timing:
        manager.enable_timing()


@contextmanager
def _listening(context: ir.Context, said: list[Diagnostic]) -> Generator[None]:
    def hear(diagnostic: Any) -> bool:
        said.append(_read(diagnostic))
        return True

    before = context.emit_error_diagnostics
    context.emit_error_diagnostics = True  # to the handler, not into the exception
    handler = context.attach_diagnostic_handler(hear)
    try:
        yield
    finally:
        handler.detach()
        context.emit_error_diagnostics = before


def _read(diagnostic: Any) -> Diagnostic:
    place = _file_place(diagnostic.location)
    here = place if place and place.filename == _TEXT else None
    return Diagnostic(
        severity=diagnostic.severity.name.lower(),
        message=diagnostic.message,
        line=here.start_line if here else 0,
        column=here.start_col if here else 0,
        origin=f"{place.filename}:{place.start_line}:{place.start_col}" if place and not here else "",
        # What MLIR appends to each error is the operation in full, which may be pages.
        notes=tuple(_read(note) for note in diagnostic.notes if not note.message.startswith("see current operation")),
    )


def _file_place(location: Any) -> Any:
    """The first place in a file that a location holds, fused and named ones opened."""
    if isinstance(location, ir.FileLineColLoc):
        return location
    inside: list[Any] = []
    if isinstance(location, ir.FusedLoc):
        inside = list(location.locations)
    elif isinstance(location, ir.NameLoc):
        inside = [location.child_loc]
    elif isinstance(location, ir.CallSiteLoc):
        inside = [location.callee, location.caller]
    return next((found for each in inside if (found := _file_place(each)) is not None), None)


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else "failed without a word"
