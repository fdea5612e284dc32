"""Maximum sizes of request bodies, by route. The server applies them before it stores a body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Response, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.context import current_operator

if TYPE_CHECKING:
    from flask import Flask

DEFAULT_BYTES = 64 * 1024
ADMISSION = "chromatrace.admission"
"""WSGI member of a request without its body: the server asks whether the sender may send a large one."""
TOO_LARGE = "chromatrace.too_large"
"""WSGI member of a request whose body the server did not store because it exceeds the limit."""


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """Maximum of a body in bytes.

    authenticated  only operators may send more than `DEFAULT_BYTES`
    admit          checks the sender and raises the error of the login; None: the sender must be an operator
    """

    maximum: int = DEFAULT_BYTES
    authenticated: bool = False
    admit: Callable[[], object] | None = None


class BodyLimits:
    """The limits of an application's routes. Other requests, such as those to unknown paths, have the default."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._limits: dict[str, BodyLimit] = {}
        app.extensions["body_limits"] = self
        app.before_request(_check)

    def set(
        self, endpoint: str, maximum: int, *, authenticated: bool, admit: Callable[[], object] | None = None
    ) -> None:
        """Allow bodies of `maximum` bytes. See `BodyLimit`."""
        self._limits[endpoint] = BodyLimit(maximum, authenticated, admit)

    def of(self, endpoint: str | None) -> BodyLimit:
        """Return the limit of an endpoint."""
        return self._limits.get(endpoint or "", BodyLimit())

    def find(self, method: str, path: str) -> BodyLimit:
        """Return the limit of a request by its method and decoded path."""
        try:
            endpoint, _ = self._app.url_map.bind("").match(path, method)
        except HTTPException:
            return BodyLimit()
        return self.of(cast(str, endpoint))


def body_limits(app: Flask) -> BodyLimits:
    """Return the limits of `app`."""
    return cast(BodyLimits, app.extensions["body_limits"])


def _check() -> ResponseReturnValue | None:
    """Reject a body that is too large. Answer an admission request with 204 or the error of the login."""
    limit = body_limits(current_app).of(request.endpoint)
    request.max_content_length = limit.maximum
    if TOO_LARGE in request.environ or (request.content_length or 0) > limit.maximum:
        raise RequestEntityTooLarge
    if ADMISSION in request.environ:
        (limit.admit or current_operator)()
        return Response(status=204)
    return None
