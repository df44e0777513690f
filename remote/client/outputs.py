"""What a remote `forward` returns where the original returned a mapping."""

from typing import Any


class MappingOutput(dict[str, Any]):
    """A dict whose values are attributes as well, and positions too, as the outputs of transformers are.

    `out["logits"]`, `out.logits`, `out[0]` and `out.to_tuple()` all work.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no output {name!r}; there are {', '.join(self)}") from None

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (int, slice)):
            return self.to_tuple()[key]
        return super().__getitem__(key)

    def to_tuple(self) -> tuple[Any, ...]:
        """The values in the order in which the model returns them."""
        return tuple(self.values())
