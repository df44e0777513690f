"""An artifact as codegen sees it: its `rpc` module, and whether that is the interface that a pool will check."""

from dataclasses import replace

from infc.errors import ArtifactError

from ..runtime.artifact import POOL_RPC_MEDIA_TYPE, RPC_MEDIA_TYPE, Artifact, Interface, interface_digest
from ..runtime.artifact.parts import is_split, pool_part
from .rpc_reader import read_service
from .service import Service


def service_of(artifact: Artifact) -> Service:
    """What the artifact's `rpc` module says, with that of the pool's part where there is one.

    Raises:
        ArtifactError: it has none, or one that is broken, or that is not about this model.
    """
    service = _read(artifact, RPC_MEDIA_TYPE, artifact.config.interface)
    parts = [layer for layer in artifact.layers if layer.media_type == POOL_RPC_MEDIA_TYPE]
    if not is_split(artifact.config) or not parts:  # a split model had none before there were such services
        return service
    return replace(service, pool=_read(artifact, POOL_RPC_MEDIA_TYPE, pool_part(artifact.config).interface))


def _read(artifact: Artifact, media_type: str, interface: Interface) -> Service:
    where = str(artifact.path)
    service = read_service(artifact.only(media_type, "the rpc module"), where)
    served = artifact.config.name, interface_digest(interface)
    if (service.name, interface_digest(service.interface)) != served:
        raise ArtifactError(
            f"{where}: the rpc module describes {service.name!r} with the interface "
            f"{interface_digest(service.interface)}, the config {served[0]!r} with {served[1]}",
            hint="the artifact was changed by something else than infc; compile the model again",
        )
    return service
