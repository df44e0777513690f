"""What MLIR says when a pass fails, as the sentence that a user needs."""

import re
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch_mlir import ir

_FILE_LINE = re.compile(r'"([^"]+\.py)":(\d+)')
# The text of an op that could not be legalized: torch.operator with PyTorch's name, or an op of the torch dialect.
_OPERATOR = re.compile(
    r"failed to legalize operation 'torch\.(?:operator'.*name = \"(?:torch\.|(?=onnx\.))([\w.]+)\"|(\w[\w.]*)')"
)


def python_place(location: str) -> str:
    """` (file.py:12)`: the innermost line of the model's own Python in the text of a location; empty without any."""
    # Frames go from the innermost outwards; what lies in installed packages is not what the user can change.
    found = [(path, line) for path, line in _FILE_LINE.findall(location) if path]
    own = [(path, line) for path, line in found if "site-packages" not in Path(path).parts] or found
    return f" ({own[0][0]}:{own[0][1]})" if own else ""


class Diagnostics:
    """Collects the errors that a context emits, instead of letting them go to stderr."""

    def __init__(self, context: ir.Context) -> None:
        self._context = context
        self._messages: list[str] = []
        self._places: list[str] = []
        self._handler: Any = None

    def __enter__(self) -> Self:
        self._handler = self._context.attach_diagnostic_handler(self._collect)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._handler.detach()

    def take(self, error: ir.MLIRError) -> None:
        """Add the diagnostics that an MLIRError carries."""
        for diagnostic in error.error_diagnostics:
            self._add(diagnostic.message, str(diagnostic.location))

    def summary(self) -> str:
        """The first error in one line; an operator that does not lower by its name in PyTorch."""
        if not self._messages:
            return "a pass failed without a diagnostic"
        operator = _OPERATOR.search(self._messages[0])
        return f"operator {operator[1] or operator[2]} does not lower" if operator else self._messages[0]

    def place(self) -> str:
        """` (file.py:12)`, as `python_place`, of the first error that has one."""
        return next((place for text in self._places if (place := python_place(text))), "")

    def _collect(self, diagnostic: Any) -> bool:
        if diagnostic.severity == ir.DiagnosticSeverity.ERROR:
            self._add(diagnostic.message, str(diagnostic.location))
        return True

    def _add(self, message: str, location: str) -> None:
        self._messages.append(message.splitlines()[0] if message else "")
        self._places.append(location)
