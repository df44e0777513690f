"""A model that was read, whichever door it came through (`doors/`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True)
class Source:
    """A model that was read and can be run by PyTorch.

    `module` is called with `args` and `kwargs`, its example inputs. `exported` is there when the source was exported
    already.
    """

    name: str
    module: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    exported: torch.export.ExportedProgram | None = None
