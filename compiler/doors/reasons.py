"""Why a library refused a model, short enough for an error's one line."""

import traceback


def one_line(error: BaseException) -> str:
    """The error's class and the first line of its message."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def where(error: BaseException) -> str:
    """` (file.py:12)`: the innermost line that led to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
