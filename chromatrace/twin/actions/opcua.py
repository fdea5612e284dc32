"""Write a variable or call a method over OPC UA."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any, Self

from asyncua import ua

from chromatrace.domain.errors import InvalidInput, NotAuthorised, Unavailable
from chromatrace.ingest.opcua.session import CONNECTION_ERRORS, Session, connected
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.plant.proposal_rules import WriteTarget
from chromatrace.twin.actions.machine import Value, same
from chromatrace.twin.errors import MachineRejected, MachineUnreachable

_POLL_S = 0.05


class OpcUaMachine:
    """A variable, or a method whose success the variable `read_back` confirms."""

    def __init__(self, settings: OpcUaSettings, target: WriteTarget) -> None:
        self._settings, self._target = settings, target
        self._called = False

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        try:
            self._session: Session = self._runner.run(self._stack.enter_async_context(connected(self._settings)))
        except (Unavailable, NotAuthorised, InvalidInput) as error:
            self._runner.close()
            raise MachineUnreachable(error.message, field=error.field, hint=error.hint) from error
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._stack.aclose())
        finally:
            self._runner.close()

    def write(self, value: Value) -> None:
        """Write the variable, or call the method. Raises `MachineRejected` if the server rejects it."""
        target = self._target
        try:
            if target.method is not None:
                arguments = [] if value is None else [value]
                self._runner.run(self._session.call(target.object or "", target.method, arguments))
                self._called = True
            else:
                self._runner.run(self._session.write(target.node or "", value))
        except (ua.UaStatusCodeError, InvalidInput) as error:
            raise MachineRejected(f"{self._settings.url} rejected the write: {error}", field="node") from error

    def confirms(self, value: Value, wait_s: float) -> tuple[bool, Value]:
        """See `Machine`. A method without `read_back` is confirmed by its result."""
        node = self._target.read_back or self._target.node
        if node is None:
            return self._called, None
        deadline = time.monotonic() + wait_s
        while True:
            found = self._read(node)
            if same(value, found, self._target.tolerance):
                return True, found
            if time.monotonic() >= deadline:
                return False, found
            time.sleep(_POLL_S)

    def _read(self, node: str) -> Value:
        try:
            found: Any = self._runner.run(self._session.read(node))
        except CONNECTION_ERRORS:
            return None
        return found if isinstance(found, float | int | str | bool) else None
