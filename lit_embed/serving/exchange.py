"""Around the application, for every request: who is let in, how large, how long, how many at once; and what is counted.

A client that leaves, or has waited too long, cancels its request; its texts then leave the queue.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from lit_embed.serving.guard import Guard
from lit_embed.serving.limits import Limits
from lit_embed.serving.prometheus import Metrics
from lit_embed.serving.refusal import Overloaded, Refusal

Message = dict
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
LEFT = 499                       # a status that nobody sees, for clients that left before their answer


class Exchange:
    """
    app      the routes, as ASGI
    routes   their paths, the only ones that are counted by name
    """

    def __init__(self, app: Callable, guard: Guard, limits: Limits, metrics: Metrics, routes: frozenset[str]):
        self.app, self.guard, self.limits, self.metrics, self.routes = app, guard, limits, metrics, routes
        self._at_work = 0
        metrics.gauge("lit_embed_requests_at_work", "Requests that are answered now.", lambda: self._at_work)

    async def __call__(self, scope: dict, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status = time.perf_counter(), LEFT

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = message | {"headers": [*message.get("headers", []), *ALWAYS]}
            await send(message)

        try:
            await self._answer(scope, receive, counted)
        except Refusal as refusal:
            await send_refusal(refusal, counted)
        except TimeoutError:
            if status == LEFT:                            # nothing was sent yet
                said = f"no answer within {self.limits.timeout:g} s: send fewer texts at a time"
                await send_refusal(Refusal(504, said, code="timeout"), counted)
        finally:
            route = scope["path"] if scope["path"] in self.routes else "other"
            self.metrics.requests.add(1, route, str(status))
            self.metrics.seconds.observe(time.perf_counter() - started, route)

    async def _answer(self, scope: dict, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        self.guard.check(scope["method"], scope["path"], headers)
        if scope["method"] != "POST":
            return await self.app(scope, receive, send)
        if self._at_work >= self.limits.requests:
            raise Overloaded(f"{self._at_work} requests are waiting already: come back in a moment")
        self._at_work += 1
        try:
            async with asyncio.timeout(self.limits.timeout):
                body = await read_body(receive, headers, self.limits.body)
                if body is not None:
                    await self._until_gone(scope, body, receive, send)
        finally:
            self._at_work -= 1

    async def _until_gone(self, scope: dict, body: bytes, receive: Receive, send: Send) -> None:
        """The application's answer; it is cancelled when the client leaves."""
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        forever = asyncio.Event()

        async def once() -> Message:
            if not messages:
                await forever.wait()
            return messages.pop()

        answer = asyncio.create_task(self.app(scope, once, send))
        left = asyncio.create_task(receive())             # behind the whole body only one message comes: the client left
        try:
            await asyncio.wait([answer, left], return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                answer.result()
        finally:
            answer.cancel(), left.cancel()
            await asyncio.gather(answer, left, return_exceptions=True)


async def read_body(receive: Receive, headers: dict[bytes, bytes], most: int) -> bytes | None:
    """All of it, or None if the client left meanwhile.

    Raises
        Refusal   413: more than `most` bytes, said or sent
    """
    too_large = Refusal(413, f"the request is larger than {most:,} bytes: send fewer texts at a time", code="request_too_large")
    said = headers.get(b"content-length", b"0")
    if said.isdigit() and int(said) > most:
        raise too_large
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise too_large
        if not message.get("more_body", False):
            return b"".join(parts)


async def send_refusal(refusal: Refusal, send: Send) -> None:
    body = json.dumps(refusal.content(), ensure_ascii=False).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **refusal.headers}
    await send({"type": "http.response.start", "status": refusal.status,
                "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()]})
    await send({"type": "http.response.body", "body": body})
