"""An executor maps its models' weights from an arena: descriptors go one way, those of its page faults the other.

A socket pair beside the channel, because descriptors travel with packets. The executor's end of it blocks; the
controller's belongs to an event loop.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import msgspec

from infc.errors import ArtifactError, InfcError

from ...runtime.artifact import Artifact
from ...runtime.memory.arena_mapping import ArenaMapping
from ...runtime.memory.paged import PagedArena
from ...runtime.memory.pages import MapSlab
from .messages import Handover

_log = logging.getLogger(__name__)

_PACKET = 64 << 10  # bytes
_PATIENCE = 30.0  # seconds


class ArenaGiver:
    """The controller's end: gives one executor the arena, and its page faults to the pager.

    Args:
        end: a connected packet socket; owned by this.
        paged: the host's arena.
    """

    def __init__(self, end: socket.socket, paged: PagedArena) -> None:
        self._end = end
        self._paged = paged
        self._slots: dict[str, Sequence[int]] = {}
        self._members: list[int] = []
        self._joining: set[asyncio.Task[None]] = set()
        end.setblocking(False)
        asyncio.get_running_loop().add_reader(end, self._on_packet)

    def offer(self, model: str, slots: Sequence[int]) -> None:
        """Sends the arena along, before the executor is told to attach a model that has slots."""
        if not slots:
            return
        self._slots[model] = slots
        socket.send_fds(self._end, [b"arena"], [self._paged.arena.fd])

    async def close(self) -> None:
        """The executor has ended: its page faults are nobody's. May be called twice."""
        if self._end.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._end)
        self._end.close()
        if self._joining:
            await asyncio.wait(self._joining)
        for member in self._members:
            self._paged.leave(member)

    def _on_packet(self) -> None:
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._end, _PACKET, 1)
        except OSError:
            return
        if not packet:
            asyncio.get_running_loop().remove_reader(self._end)
            return
        task = asyncio.create_task(self._join(packet, descriptors))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _join(self, packet: bytes, descriptors: list[int]) -> None:
        try:
            told = msgspec.msgpack.decode(packet, type=Handover)
            slots = self._slots[told.model][told.first : told.first + told.count]
            (faults,) = descriptors
            self._members.append(await asyncio.to_thread(self._paged.join, faults, told.address, slots))
        except (msgspec.DecodeError, LookupError, ValueError, InfcError) as error:
            _log.error("an executor's page faults cannot be served: %s", error)


class ArenaTaker:
    """The executor's end."""

    def __init__(self, descriptor: int) -> None:
        self._end = socket.socket(fileno=descriptor)
        self._end.settimeout(_PATIENCE)

    @contextmanager
    def mapping(self, model: str, target: str, slots: Sequence[int]) -> Generator[MapSlab, None, None]:
        """How the slabs of a model are mapped, within the block: those of some of its stages, in any order.

        `slots` are those of all chunks of the target's stages, in their order.

        Raises:
            ArtifactError: no arena came.
        """
        _, descriptors, _, _ = socket.recv_fds(self._end, _PACKET, 1)
        if not descriptors:
            raise ArtifactError(f"model {model!r}: no arena came with it", hint="restart the pool")
        arena = descriptors[0]

        def map_slab(artifact: Artifact, chunks: Sequence[str]) -> ArenaMapping:
            first = _place(artifact, target, chunks)
            mine = slots[first : first + len(chunks)]
            length = sum(artifact.blob(chunk).length for chunk in chunks)
            # Sealed: native code that is loaded later cannot make these pages its own to write.
            mapping = ArenaMapping(arena, mine, length, where=str(artifact.path), sealed=True)
            told = Handover(model, first, len(chunks), mapping.address)
            socket.send_fds(self._end, [msgspec.msgpack.encode(told)], [mapping.faults])
            return mapping

        try:
            yield map_slab
        finally:
            os.close(arena)


def _place(artifact: Artifact, target: str, chunks: Sequence[str]) -> int:
    """Where a stage's chunks begin among those of all stages. Two stages of the same chunks have the same slots."""
    first = 0
    for stage in artifact.build(target).stages:
        if stage.slab.chunks == tuple(chunks):
            return first
        first += len(stage.slab.chunks)
    raise ArtifactError(
        f"{artifact.path}: no stage of target {target!r} has these {len(chunks)} chunks", hint="restart the pool"
    )
