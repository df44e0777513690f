"""What the stages of one compile share: the processes they may start, where IR is kept, and threads to wait in."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from ..caching.cache import Cache, key_of
from .children import Children, Limits
from .fingerprint import toolchain
from .temps import Temps

# Seconds. Python sees a signal that arrives while its main thread is about to wait when that wait is over.
_LOOK_UP = 1.0

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Tools:
    """`children` run the native tools, `temps` keeps the IR of every stage when it was asked for, and `cache` what
    a stage made before."""

    children: Children = field(default_factory=lambda: Children(Limits()))
    temps: Temps = field(default_factory=lambda: Temps(None))
    cache: Cache | None = None

    def remember(self, kind: str, made_from: Sequence[str], make: Callable[[], bytes]) -> bytes:
        """What `make` gives; what it gave before, when this toolchain made it of the same parts."""
        found = self.recall(kind, made_from)
        if found is None:
            found = make()
            self.keep(kind, made_from, found)
        return found

    def recall(self, kind: str, made_from: Sequence[str]) -> bytes | None:
        """What this toolchain made of the same parts before; None where nothing is known of that."""
        return self.cache.get(kind, key_of([toolchain(), *made_from])) if self.cache else None

    def keep(self, kind: str, made_from: Sequence[str], made: bytes) -> None:
        """Let `made` be found the next time."""
        if self.cache:
            self.cache.put(kind, key_of([toolchain(), *made_from]), made)

    def map(self, stage: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """`stage` of every item, in order, at the same time: what is bounded is the processes, in `children`.

        The first failure, in time, is raised at once, and what other items still run is ended.
        """
        given = list(items)
        threads = ThreadPoolExecutor(max(1, len(given)), thread_name_prefix="infc-stage")
        try:
            started = [threads.submit(stage, item) for item in given]
            running = set(started)
            while running:
                done, running = wait(running, _LOOK_UP, return_when=FIRST_EXCEPTION)
                for each in (future for future in started if future in done):
                    if error := each.exception():
                        raise error
            return [future.result() for future in started]
        except BaseException:
            self.children.stop()
            raise
        finally:
            threads.shutdown(cancel_futures=True)
