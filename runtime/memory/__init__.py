"""Weight memory: what backs the weights of the models that are attached."""

from .mapping import Mapping

__all__ = ["Mapping"]
