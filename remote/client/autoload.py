"""The entry point that torch calls at the end of its own import (group `torch.backends`).

With `INFC_AUTOLOAD=1` an application's `torch.load` understands pointer files without a line of its own. Without it
nothing happens, and nothing here may ever make `import torch` fail or slow.
"""


def activate() -> None:
    """Patch `torch.load` when `INFC_AUTOLOAD` asks for it; called by torch, once, with torch fully imported."""
    from .settings import autoload_wanted

    if autoload_wanted():
        from .patching import patch

        patch()
