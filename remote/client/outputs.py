"""What a remote `forward` returns where the original returned a dataclass, as transformers' outputs are."""

from collections.abc import Mapping
from typing import Any


class Record(dict[str, Any]):
    """The fields of a dataclass, by attribute, by name and by position.

    `out.logits`, `out["logits"]`, `out[0]` and `out.to_tuple()` all work. As in transformers, a field that is None is
    an attribute, and no entry and no position.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__((name, value) for name, value in fields.items() if value is not None)
        self._nothing = frozenset(name for name, value in fields.items() if value is None)

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if not name.startswith("__") and name in self.__dict__.get("_nothing", ()):
            return None
        raise AttributeError(f"no output {name!r}; there are {', '.join(self)}")

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | slice):
            return self.to_tuple()[key]
        return super().__getitem__(key)

    def __reduce__(self) -> tuple[Any, ...]:
        return Record, (dict.fromkeys(self._nothing) | dict(self),)

    def to_tuple(self) -> tuple[Any, ...]:
        """The values that are not None, in the order in which the model returns them."""
        return tuple(self.values())
