"""A port, and a server on it that finishes what it has begun before it ends."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from lit_embed.errors import UserError
from lit_embed.serving.limits import Limits


def check_installed() -> None:
    """
    Raises
        UserError   the packages of the extra are missing
    """
    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        raise UserError(f"serving needs {' and '.join(missing)}: pip install \"lit-embed[serve]\"")


def bind(host: str, port: int) -> socket.socket:
    """A socket that holds the port, and does not listen yet: models can be loaded meanwhile. Port 0 is any free one.

    Raises
        UserError   the port is taken or not allowed, or this machine has no such address
    """
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except (OSError, OverflowError) as error:
        made.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise UserError(f"port {port} of {host} is taken by another program: choose another with --port, 0 for any") from error
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot listen on port {port} of {host}: {reason}") from error
    return made


def url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def server_of(app: Callable, limits: Limits):
    """A uvicorn.Server for the application, not yet running."""
    import uvicorn

    # Its warnings are a line for whatever a stranger sends; what fails in here is an error.
    return uvicorn.Server(uvicorn.Config(app, lifespan="on", ws="none", log_level="error", access_log=False, server_header=False,
                                         proxy_headers=False, timeout_graceful_shutdown=int(limits.timeout) + 1))


def serve(app: Callable, listening: socket.socket, limits: Limits, ready: Callable[[], None]) -> None:
    """Until SIGTERM or SIGINT; then requests that were begun are answered, and no new one is let in.

    ready   is called once, when requests are answered
    """
    server = server_of(app, limits)

    async def until_told() -> None:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not running.done():
            await asyncio.sleep(0.01)
        if server.started:
            ready()
        await running

    with ends_quietly():
        asyncio.run(until_told())


@contextmanager
def ends_quietly() -> Iterator[None]:
    """uvicorn stops on a signal and then raises it once more: by then there is nothing left to end."""
    handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
