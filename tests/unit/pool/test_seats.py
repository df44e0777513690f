"""Who gets an executor, beside whom, and in which order."""

import asyncio
from collections.abc import Coroutine

from infc.remote.pool.seats import Seats


async def _settle() -> None:
    for _ in range(3):  # a task begins, and one that was woken goes on
        await asyncio.sleep(0)


def _run(test: Coroutine[None, None, None]) -> None:
    asyncio.run(test)


def test_calls_of_staged_models_share_an_executor_up_to_their_depth() -> None:
    async def test() -> None:
        seats = Seats(["a"])
        first = await seats.take(3)
        assert not seats.full(3)
        await seats.take(2)
        assert seats.full(3)  # the second is beside one other at most
        assert seats.full(1)
        waiting = asyncio.create_task(seats.take(3))
        await _settle()
        assert seats.waiting == 1
        seats.give(first)
        assert (await waiting).place == "a"

    _run(test())


def test_a_call_that_wants_an_executor_for_itself_is_not_passed_by_those_that_share() -> None:
    async def test() -> None:
        seats = Seats(["a"])
        shared = await seats.take(2)
        alone = asyncio.create_task(seats.take(1))
        behind = asyncio.create_task(seats.take(2))
        await _settle()
        assert not alone.done()
        assert not behind.done()
        seats.give(shared)
        seat = await alone
        await _settle()
        assert not behind.done()
        seats.give(seat)
        assert (await behind).place == "a"

    _run(test())


def test_an_idle_executor_comes_before_one_that_is_shared() -> None:
    async def test() -> None:
        seats = Seats(["a", "b"])
        places = [(await seats.take(2)).place for _ in range(4)]
        assert sorted(places) == ["a", "a", "b", "b"]
        assert places[0] != places[1]
        assert seats.full(2)

    _run(test())


def test_who_gives_up_leaves_the_line_and_lets_the_next_in() -> None:
    async def test() -> None:
        seats = Seats(["a"])
        held = await seats.take(2)
        alone, shared = (asyncio.create_task(seats.take(depth)) for depth in (1, 2))
        await _settle()
        alone.cancel()
        await _settle()
        assert shared.done()  # only the one before it was in the way
        seats.give(shared.result())
        seats.give(held)
        assert not seats.full(1)

    _run(test())


def test_a_seat_that_comes_with_the_cancellation_is_given_back() -> None:
    async def test() -> None:
        seats = Seats(["a"])
        held = await seats.take(1)
        waiting = asyncio.create_task(seats.take(1))
        await _settle()
        seats.give(held)
        waiting.cancel()
        await _settle()
        assert waiting.cancelled()
        assert not seats.full(1)

    _run(test())


def test_who_was_interrupted_is_the_next() -> None:
    async def test() -> None:
        seats = Seats(["a"])
        held = await seats.take(1)
        last = asyncio.create_task(seats.take(1))
        await _settle()
        first = asyncio.create_task(seats.take(1, first=True))
        await _settle()
        seats.give(held)
        await _settle()
        assert first.done()
        assert not last.done()
        seats.give(first.result())
        await last

    _run(test())
