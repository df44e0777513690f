"""Where the commands print their tables."""

from rich.console import Console

_PIPE_WIDTH = 160  # columns, where stdout is no terminal and has no width of its own


def console() -> Console:
    """Stdout, at its own width or wide enough for every table."""
    made = Console(highlight=False)
    if not made.is_terminal:
        made.width = _PIPE_WIDTH
    return made
