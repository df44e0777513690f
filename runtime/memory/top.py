"""`infc memory top`: what is in memory, what moves, who is called."""

import time
from collections.abc import Callable, Collection

from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .stats import ModelStats, Snapshot


def watch(read: Callable[[], Snapshot], console: Console, *, interval: float, count: int | None, limit: int) -> None:
    """Shows a screen every `interval` seconds, `count` times or until it is interrupted.

    Raises:
        PoolUnavailable: the pool is not there, or not any more.
    """
    before, at = read(), time.monotonic()
    with Live(screen(before, before, 0.0, limit), console=console, auto_refresh=False) as live:
        shown = 1
        while count is None or shown < count:
            time.sleep(interval)
            now, then = read(), time.monotonic()
            live.update(screen(before, now, then - at, limit), refresh=True)
            before, at, shown = now, then, shown + 1


def screen(before: Snapshot, now: Snapshot, seconds: float, limit: int) -> Group:
    """One screen.

    Args:
        before: an earlier look; what moved is the difference.
        now: what is shown.
        seconds: between the two; 0 shows no rates.
        limit: models to show, the hottest half and the coldest half of them.
    """
    head = Table("tier", "kept", "of", "policy", "hits", "in", "out", "chunks/s", "damaged", box=None, padding=(0, 2))
    head.add_row(
        now.tier,
        decimal(now.used),
        "all" if now.capacity is None else decimal(now.capacity),
        now.policy,
        _rate(now.models.values()),
        _speed(now.promoted - before.promoted, seconds),
        _speed(now.demoted - before.demoted, seconds),
        f"{(now.promotions - before.promotions + now.demotions - before.demotions) / seconds:.0f}" if seconds else "",
        str(now.damaged),
    )
    return Group(head, Text(), _models(before, now, seconds, limit))


def by_heat(models: dict[str, ModelStats]) -> list[tuple[str, ModelStats]]:
    """The models, the hottest first: by calls, and among equals by when they were called last."""
    return sorted(models.items(), key=lambda item: (item[1].calls, item[1].last), reverse=True)


def _models(before: Snapshot, now: Snapshot, seconds: float, limit: int) -> Table:
    table = Table("model", box=None, padding=(0, 2))
    for column in ("calls", "calls/s", "hits", "kept", "of", "read", "waited"):
        table.add_column(column, justify="right")
    ranked = by_heat(now.models)
    half = (limit + 1) // 2
    cut = len(ranked) > limit
    shown = [*ranked[:half], None, *ranked[len(ranked) - (limit - half) :]] if cut else ranked
    for entry in shown:
        if entry is None:
            table.add_row(f"… {len(ranked) - limit} more …", style="dim")
            continue
        name, each = entry
        was = before.models.get(name, each)
        table.add_row(
            Text(name),
            str(each.calls),
            f"{(each.calls - was.calls) / seconds:.1f}" if seconds else "",
            _rate([each]),
            decimal(each.resident),
            decimal(each.size),
            decimal(each.brought),
            f"{each.waited:.2f} s",
        )
    return table


def _rate(models: Collection[ModelStats]) -> str:
    hits, misses = sum(each.hits for each in models), sum(each.misses for each in models)
    return f"{100 * hits / (hits + misses):.0f} %" if hits + misses else ""


def _speed(size: int, seconds: float) -> str:
    return f"{decimal(round(size / seconds))}/s" if seconds else ""
