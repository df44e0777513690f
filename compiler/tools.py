"""What the stages of one compile share: the processes they may start, where IR is kept, and threads to wait in."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from .cache import Cache, key_of
from .children import Children, Limits
from .fingerprint import toolchain
from .temps import Temps

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
        if self.cache is None:
            return make()
        key = key_of([toolchain(), *made_from])
        found = self.cache.get(kind, key)
        if found is None:
            found = make()
            self.cache.put(kind, key, found)
        return found

    def map(self, stage: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """`stage` of every item, in order, at the same time: what is bounded is the processes, in `children`.

        The first failure, in time, is raised at once, and what other items still run is ended.
        """
        given = list(items)
        threads = ThreadPoolExecutor(max(1, len(given)), thread_name_prefix="infc-stage")
        try:
            started = [threads.submit(stage, item) for item in given]
            done, _ = wait(started, return_when=FIRST_EXCEPTION)
            for each in (future for future in started if future in done):
                if error := each.exception():
                    raise error
            return [future.result() for future in started]
        except BaseException:
            self.children.stop()
            raise
        finally:
            threads.shutdown(cancel_futures=True)
