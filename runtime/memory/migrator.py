"""Decides by a policy, and moves by a backend: the chunks of a model before each of its calls."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from threading import Lock

from .access import Access
from .backend import Backend
from .residency import Residency


class Migrator:
    """Keeps one tier as its policy says, under running models.

    Args:
        residency: the tier's books. Only this migrator may change them.
        backend: moves the bytes.
    """

    def __init__(self, residency: Residency, backend: Backend) -> None:
        self._residency = residency
        self._backend = backend
        self._deciding = Lock()

    @contextmanager
    def call(self, plan: Sequence[Access]) -> Generator[None, None, None]:
        """Around one call of a model: brings in what it needs, and afterwards lets go of what is not worth keeping.

        Calls may overlap. What one of them lets go while another computes on it is read again from the disk.

        Raises:
            InfcError: a chunk cannot be brought in; it is then not counted as resident, and what came in before it is.
        """
        passing: list[Access] = []
        for access in plan:
            with self._deciding:
                if not self._bring(access):
                    passing.append(access)
        try:
            yield
        finally:
            with self._deciding:
                for access in passing:
                    if access.chunk not in self._residency:
                        self._backend.demote(str(access.chunk))

    def _bring(self, access: Access) -> bool:
        """Whether the chunk is resident now."""
        change = self._residency.touch(access)
        for chunk in change.evicted:
            self._backend.demote(str(chunk))
        if change.resident and not change.hit:
            try:
                self._backend.promote(str(access.chunk))
            except BaseException:
                self._residency.remove(access.chunk)
                raise
        return change.resident
