"""What a pass of infc is: a frozen dataclass whose fields are its options.

Its text form is the one of MLIR's textual pipelines, `infer-pack-weights{m0=16}`, and parses back to an equal pass.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Self, get_type_hints

from torch_mlir import ir

from infc.errors import CompileError


class PassError(CompileError):
    """A CompileError of a pass about one operation: in `infc-opt` it comes with the operation's place in the text."""

    def __init__(self, op: Any, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.location: ir.Location = op.location


class BrokenPromise(CompileError):
    """A pass went through, and left IR that breaks a contract or the model's interface."""


@dataclasses.dataclass(frozen=True)
class Pass:
    """Base of all passes. `name` is the pass's name in a pipeline, `infer-…` or `mem-…` or `rpc-…`.

    `ends_contract` is the contract that holds up to the pass and not behind it, because it lowers what that is about.
    """

    name: ClassVar[str]
    ends_contract: ClassVar[int] = 0

    def run(self, module: ir.Operation) -> None:
        """Rewrite the `builtin.module` in place. Raises CompileError when the IR is not what the pass takes."""
        raise NotImplementedError

    @classmethod
    def parse_options(cls, text: str) -> Self:
        """A pass from the text between the braces, `m0=16 n0=8`. Raises CompileError for an option it does not have."""
        fields = {field.name.replace("_", "-"): field for field in dataclasses.fields(cls)}
        types = get_type_hints(cls)
        values: dict[str, Any] = {}
        for item in text.split():
            key, equals, value = item.partition("=")
            if key not in fields or not equals:
                known = ", ".join(fields) or "none"
                raise CompileError(
                    f"pass {cls.name} has no option {item!r}",
                    hint=f"options of {cls.name}: {known}; write them as name=value, separated by spaces",
                    stage=cls.name,
                )
            if fields[key].name in values:
                raise CompileError(
                    f"pass {cls.name}: option {key} is given twice", hint="leave one of them out", stage=cls.name
                )
            values[fields[key].name] = _parse_value(cls.name, key, value, types[fields[key].name])
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:  # of a field without a default, or from `__post_init__`
            raise CompileError(
                f"pass {cls.name} does not take the options {text!r}: {error}",
                hint="`infc-opt --list-passes` says what it takes",
                stage=cls.name,
            ) from error

    @classmethod
    def describe_options(cls) -> list[str]:
        """One line for each option: its name, its type and its default."""
        return [
            f"{field.name.replace('_', '-')}: {getattr(field.type, '__name__', field.type)} (default {field.default!r})"
            for field in dataclasses.fields(cls)
        ]

    def __str__(self) -> str:
        options = [
            f"{field.name.replace('_', '-')}={getattr(self, field.name)}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        ]
        return self.name + (f"{{{' '.join(options)}}}" if options else "")


def _parse_value(pass_name: str, key: str, value: str, kind: Any) -> Any:
    if kind is str:
        return value
    what, example, read = _KINDS.get(kind, _KINDS[int])
    try:
        return read(value)
    except (KeyError, ValueError):
        raise CompileError(
            f"pass {pass_name}: option {key} takes {what}, got {value!r}",
            hint=f"for example {pass_name}{{{key}={example}}}",
            stage=pass_name,
        ) from None


_TRUTHS = {"true": True, "false": False, "1": True, "0": False}
# By a field's type: what a value of it is called, one for a hint, and how its text is read.
_KINDS: dict[Any, tuple[str, str, Callable[[str], Any]]] = {
    int: ("an integer", "16", int),
    float: ("a number", "0.5", float),
    bool: ("true or false", "true", lambda text: _TRUTHS[text.lower()]),
}
