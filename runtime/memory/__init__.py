"""Weight memory: what backs the weights of the models that are attached."""

from .mapping import Extent, Mapping

__all__ = ["Extent", "Mapping"]
