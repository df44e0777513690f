"""An artifact as codegen sees it: its `rpc` module, and whether that is the interface that a pool will check."""

from infc.errors import ArtifactError

from ..runtime.artifact import RPC_MEDIA_TYPE, Artifact, interface_digest
from .rpc_reader import read_service
from .service import Service


def service_of(artifact: Artifact) -> Service:
    """What the artifact's `rpc` module says.

    Raises:
        ArtifactError: it has none, or one that is broken, or that is not about this model.
    """
    where = str(artifact.path)
    service = read_service(artifact.only(RPC_MEDIA_TYPE, "the rpc module"), where)
    served = artifact.config.name, interface_digest(artifact.config.interface)
    if (service.name, interface_digest(service.interface)) != served:
        raise ArtifactError(
            f"{where}: the rpc module describes {service.name!r} with the interface "
            f"{interface_digest(service.interface)}, the config {served[0]!r} with {served[1]}",
            hint="the artifact was changed by something else than infc; compile the model again",
        )
    return service
