"""A pool from its first breath to its last: listen, attach, answer, drain."""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from ..oip import SERVICE
from .controller import Pool
from .listener import add_reflection, bind, new_server
from .options import Address, Limits
from .server import Servicer
from .typed_names import reflected, typed_services

_log = logging.getLogger(__name__)

# For the answers that have left the pool but not yet the machine, once everything accepted is done.
FLUSH = 0.5  # seconds


async def serve(
    pool: Pool,
    *,
    listen: Address,
    limits: Limits,
    on_ready: Callable[[Address], None],
) -> None:
    """Serve a pool until SIGTERM or SIGINT, then drain; a second signal ends it at once.

    Args:
        pool: what to serve, not started yet.
        listen: where.
        limits: see `Limits`.
        on_ready: called once, when requests are answered, with the address that is listened at.

    Raises:
        PoolUnavailable: the address is in use, or not one of this machine's.
        InfcError: a model cannot be attached.
    """
    stop, hurry = _signals()
    server = new_server(limits.max_message)
    checks = health.aio.HealthServicer()  # pyright: ignore[reportAttributeAccessIssue]
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    typed = typed_services(pool.models)
    add_reflection(server, reflected(typed))
    server.add_generic_rpc_handlers((Servicer(pool).handler(), *(service.handler(pool) for service in typed)))
    try:
        address = bind(server, listen)
        if not address.is_loopback:
            _log.warning("%s is open to everybody who can reach it: there is no authentication", address)
        if not await _first(pool.start(), stop):
            return
        for name in (SERVICE, *(service.name for service in typed)):
            await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
        await server.start()
        on_ready(address)
        await stop.wait()
        _log.info("draining: accepted requests have %g s to finish", limits.drain)
        await checks.enter_graceful_shutdown()
        try:
            async with asyncio.timeout(limits.drain):
                await _first(pool.drain(), hurry)
        except TimeoutError:
            _log.warning("not all requests finished in %g s", limits.drain)
    finally:
        # In this order, so that requests which had no time to finish still get an answer that says so.
        await pool.close()
        await server.stop(FLUSH)


async def _first(work: Coroutine[Any, Any, None], event: asyncio.Event) -> bool:
    """Do some work unless the event happens first; whether it was done. Raises what the work raises."""
    task, interrupt = asyncio.ensure_future(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait([task, interrupt], return_when=asyncio.FIRST_COMPLETED)
    finally:
        interrupt.cancel()
        done = task.done()
        task.cancel()
    if done:
        task.result()
    return done


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Events for the first and for the second signal to stop."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop, hurry
