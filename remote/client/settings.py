"""The client's environment variables: their names, types and defaults, in one place."""

import os


def autoload_wanted() -> bool:
    """Whether `INFC_AUTOLOAD` asks for `torch.load` to be patched: `1`, `true`, `yes` or `on`, in any case."""
    return os.environ.get("INFC_AUTOLOAD", "").strip().lower() in {"1", "true", "yes", "on"}
