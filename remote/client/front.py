"""The first stages of a model, run in the application, so that what goes in never leaves its process.

The one place of the client that needs the runtime (`pip install 'infc[pool]'`), and only for a pointer that says so. A
compiled module is native code: run is the file whose digest stands in the pointer, after every byte of it was hashed.
"""

import os
from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from infc.errors import ArtifactError, RemoteError

from ..oip import by_name
from .pointer import Front
from .tensors import Array, Tensor

if TYPE_CHECKING:
    from ...runtime.session import Session


class LocalFront:
    """The part of a model that runs here. Safe to share between threads, usable after a fork.

    Args:
        front: the artifact, as the pointer names it.
        model: the model's name, for errors.

    Raises:
        ArtifactError: there is no such artifact, it is another one than the pointer's, or it does not run here.
        RemoteError: IREE's runtime is not installed.
    """

    def __init__(self, front: Front, *, model: str) -> None:
        self.front = front
        self._model = model
        self._attaching: dict[int, Lock] = {}  # a thread that held one at a fork does not exist in the child
        self._attached: dict[int, Session] = {}
        self._methods: dict[str, Any] = {}
        self._attach()

    def inputs(self, method: str | None) -> tuple[Tensor, ...]:
        """What a method of the model takes; the first one's when None."""
        return tuple(map(_tensor, self._method(method).inputs))

    def gives(self, method: str | None) -> tuple[Tensor, ...]:
        """The values that it computes for the pool, and the model's outputs that it computes itself."""
        return tuple(map(_tensor, self._method(method).outputs))

    def run(self, inputs: Mapping[str, Array], method: str | None) -> dict[str, Array]:
        """Run it on arrays of the right names.

        Raises:
            InvalidInput: a dtype, a shape or a value that the model does not take.
            ExecutorFailed: the module failed.
        """
        given = dict(inputs)
        for tensor in self.inputs(method):
            if tensor.dtype.name == "bf16" and given[tensor.name].dtype == np.uint16:
                from ...runtime.arrays import as_bfloat16

                given[tensor.name] = as_bfloat16(given[tensor.name])
        return dict(self._attach().run(given, self._method(method).name))

    def _method(self, name: str | None) -> Any:
        if name is None:
            return next(iter(self._methods.values()))
        if name not in self._methods:
            raise ArtifactError(
                f"{self.front.path} has no method {name!r}, only {', '.join(self._methods)}", hint=_WRITE_AGAIN
            )
        return self._methods[name]

    def _attach(self) -> "Session":
        process = os.getpid()
        with self._attaching.setdefault(process, Lock()):
            # IREE's threads do not survive a fork: a child attaches for itself.
            if process not in self._attached:
                self._attached[process] = self._open()
            return self._attached[process]

    def _open(self) -> "Session":
        try:
            from ...runtime.artifact import Artifact
            from ...runtime.session import Session
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "infc":
                raise
            raise RemoteError(
                f"the first stages of model {self._model!r} run in this process, which needs {error.name!r}",
                hint="pip install 'infc[pool]' brings IREE's runtime into the application",
            ) from error
        if not self.front.path.is_file():
            raise ArtifactError(
                f"{self.front.path}: the pointer to {self._model!r} runs the model's first stages from this file, "
                "which is not there",
                hint="`infc codegen --pointer` writes both; keep them in one folder",
            )
        with Artifact.open(self.front.path, check=True) as artifact:
            if artifact.digest != self.front.digest:
                raise ArtifactError(
                    f"{self.front.path} is {artifact.digest}, the pointer to {self._model!r} names {self.front.digest}",
                    hint=_WRITE_AGAIN,
                )
            self._methods = {method.name: method for method in artifact.config.interface.methods}
            return Session.attach(artifact)


_WRITE_AGAIN = "write pointer and stage again, together: `infc codegen OUT.infc -o DIR --pointer model.pt`"


def _tensor(spec: Any) -> Tensor:
    dtype = by_name(spec.dtype)
    if dtype is None:
        raise RemoteError(f"{spec.name!r} is of dtype {spec.dtype!r}, which no request can carry", hint=_WRITE_AGAIN)
    return Tensor(spec.name, dtype, tuple(size if isinstance(size, int) else -1 for size in spec.shape))
