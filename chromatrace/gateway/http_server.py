"""The gateway's HTTP server: /metrics, /healthz and POST /api/v1/readings."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from chromatrace.domain.errors import (
    ChromaTraceError,
    Conflict,
    IntegrityError,
    InvalidInput,
    NotAuthorised,
    NotFound,
    Unavailable,
)
from chromatrace.gateway.answers import Answer, Answers, KeyReused
from chromatrace.gateway.metrics import metrics_text
from chromatrace.gateway.push import MAX_BODY, PushedReadings
from chromatrace.gateway.tokens import TokenFile
from chromatrace.ingest.errors import SpoolUnavailable

READINGS_PATH = "/api/v1/readings"
_BODY_TIMEOUT_S = 30.0
_MAX_REQUESTS = 16
_RETRY_AFTER_S = "5"
_STATUS: tuple[tuple[type[ChromaTraceError], int], ...] = (
    (KeyReused, 422),
    (InvalidInput, 400),
    (NotAuthorised, 401),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
)
_logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PushSource:
    """An HTTP source: its tokens and what it stores."""

    def __init__(self, tokens: TokenFile, readings: PushedReadings) -> None:
        self.tokens = tokens
        self.readings = readings


class HttpServer:
    """Serves in a thread from `start` to `stop`. Port 0 selects a free port, which `address` then has."""

    def __init__(
        self,
        address: tuple[str, int],
        report: Callable[[], dict[str, Any]],
        sources: Mapping[str, PushSource],
        answers: Answers,
    ) -> None:
        self.address = address
        self._report = report
        self._sources = sources
        self._answers = answers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._error: OSError | None = None
        self._started = threading.Event()
        self._slots = asyncio.Semaphore(_MAX_REQUESTS)
        self._thread = threading.Thread(target=self._run, name="gateway-http", daemon=True)

    def start(self) -> None:
        """Start the server. Raises `Unavailable` if it cannot listen on the address."""
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            host, port = self.address
            raise Unavailable(
                f"cannot listen on {host}:{port}: {self._error.strerror or self._error}",
                field="gateway.http",
                hint="choose another address in [gateway]",
            ) from self._error

    def stop(self) -> None:
        """Answer the running requests and stop."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._error = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(middlewares=[_problems], client_max_size=MAX_BODY)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/healthz", self._health)
        application.router.add_post(READINGS_PATH, self._push)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, *self.address)
            await site.start()
            self.address = runner.addresses[0][:2]
            self._started.set()
            await self._stopping.wait()
        finally:
            await runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        report = await asyncio.to_thread(self._report)
        return web.Response(body=metrics_text(report), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _health(self, _: web.Request) -> web.Response:
        report = await asyncio.to_thread(self._report)
        return _json(report, 200 if report["status"] == "ok" else 503)

    async def _push(self, request: web.Request) -> web.Response:
        source_id = await asyncio.to_thread(self._authorised, request.headers.get("Authorization", ""))
        if self._slots.locked():
            raise Unavailable("too many requests at the same time", hint="repeat the request later")
        async with self._slots:
            if request.content_type != "application/json":
                raise InvalidInput(f"expected application/json, got {request.content_type}", field="Content-Type")
            try:
                body = await asyncio.wait_for(request.read(), _BODY_TIMEOUT_S)
            except TimeoutError:
                raise web.HTTPRequestTimeout from None
            readings = self._sources[source_id].readings
            readings.statistics.requests += 1
            store = functools.partial(readings.store, body)
            key = request.headers.get("Idempotency-Key")
            if key is None:
                answer = await asyncio.to_thread(store)
            else:
                answer = await asyncio.to_thread(self._answers.once, source_id, key, body, store)
        return _response(answer)

    def _authorised(self, header: str) -> str:
        """Return the source that a bearer token belongs to. Raises `NotAuthorised`."""
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer" and token:
            for source_id, source in self._sources.items():
                if source.tokens.accepts(token.strip()):
                    return source_id
        raise NotAuthorised(
            "a valid bearer token is required",
            field="Authorization",
            hint="create one with `chromatrace gateway token create`",
        )


def _response(answer: Answer) -> web.Response:
    return web.Response(body=answer.body, status=answer.status, content_type="application/json")


def _json(value: Any, status: int) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return every error as a problem document (RFC 9457), with the members of the portal's errors."""
    try:
        return await handler(request)
    except ChromaTraceError as error:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        return _problem(status, error)
    except web.HTTPException as error:
        message = {
            404: "no such resource",
            405: "the method is not allowed",
            408: "the body did not arrive in time",
            413: f"the body has more than {MAX_BODY:,} bytes",
        }.get(error.status, error.reason)
        return _problem(error.status, ChromaTraceError(message))
    except Exception:
        _logger.exception("request failed")
        return _problem(500, ChromaTraceError("an unexpected error occurred", hint="the error was logged"))


def _problem(status: int, error: ChromaTraceError) -> web.Response:
    if isinstance(error, SpoolUnavailable | IntegrityError):
        # The message has paths of this machine.
        _logger.warning("request failed: %s", error)
        error = Unavailable("readings cannot be stored at the moment", hint="repeat the request later")
    facts = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    response = _json(facts | error.as_dict() | {"detail": error.message}, status)
    response.content_type = "application/problem+json"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = _RETRY_AFTER_S
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
