"""What a pass of infc is: a frozen dataclass whose fields are its options.

Its text form is the one of MLIR's textual pipelines, `infer-pack-weights{m0=16}`, and parses back to an equal pass.
"""

import dataclasses
from typing import Any, ClassVar, Self

from torch_mlir import ir

from infc.errors import CompileError


class PassError(CompileError):
    """A CompileError of a pass about one operation: in `infc-opt` it comes with the operation's place in the text."""

    def __init__(self, op: Any, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.location: ir.Location = op.location


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
            values[fields[key].name] = _parse_value(cls.name, key, value, fields[key].type)
        return cls(**values)

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
    try:
        return int(value)
    except ValueError:
        raise CompileError(
            f"pass {pass_name}: option {key} takes an integer, got {value!r}",
            hint=f"for example {pass_name}{{{key}=16}}",
            stage=pass_name,
        ) from None
