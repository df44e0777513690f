"""What a compiled model says to its callers: its methods, and what is known about them."""

from collections.abc import Sequence
from dataclasses import replace

from ..codegen.numbering import numbered_like
from ..codegen.service import Service, numbered
from ..runtime.artifact import Config
from ..runtime.artifact.parts import is_split, pool_part
from .frontend.export import Program


def describe(config: Config, programs: Sequence[Program], before: Service | None = None) -> Service:
    """The service of a model whose targets are built: its interface with docstrings and buckets.

    Buckets are those of the first target, which a host prefers. Field numbers are those of the version `before`.
    """
    plain = numbered(config.name, config.interface)
    modules = [module for stage in config.targets[0].stages for module in stage.modules]
    methods = tuple(
        replace(
            each,
            doc=program.source.doc,
            buckets=tuple(
                {
                    tuple(own.dims.items()): own.dims for own in modules if own.method == each.method.name and own.dims
                }.values()
            ),
        )
        for each, program in zip(plain.methods, programs, strict=True)
    )
    service = in_parts(replace(plain, methods=methods), config)
    return numbered_like(service, before) if before else service


def in_parts(service: Service, config: Config) -> Service:
    """The service, with that of the pool's part where the model's first stages run in the application."""
    if not is_split(config):
        return service
    plain = numbered(config.name, pool_part(config).interface)
    both = zip(plain.methods, service.methods, strict=True)
    return replace(service, pool=replace(plain, methods=tuple(replace(own, doc=each.doc) for own, each in both)))
