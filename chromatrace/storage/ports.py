"""Listen addresses: reserve a port before a server starts."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from chromatrace.domain.errors import Conflict, InvalidInput


def url_at(host: str, port: int) -> str:
    """Return the URL at which a browser on this machine opens a server that listens at `host` and `port`."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


@contextmanager
def held_port(host: str, wanted: int, *, or_another: bool = False, field: str = "port") -> Iterator[int]:
    """Reserve a port while the block lasts; a server that sets SO_REUSEADDR, in any process, can listen on it.

    wanted      0: any free port
    or_another  take any free port if `wanted` is in use
    field       the field of the error, and the name of its option
    Raises `Conflict` if the port is in use, `InvalidInput` if `host` is not an address of this machine.
    """
    with ExitStack() as stack:
        for port in (wanted, 0) if or_another else (wanted,):
            held = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                held.bind((host, port))
            except OSError as error:
                if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                    raise InvalidInput(
                        f"{host!r} is not an address of this machine: {error.strerror}",
                        field="host",
                        hint="use 127.0.0.1 for this machine only, or 0.0.0.0 for all networks",
                    ) from error
                reason = error.strerror
                continue
            yield int(held.getsockname()[1])
            return
        raise Conflict(
            f"cannot listen on {host} port {wanted}: {reason}",
            field=field,
            hint="stop the process that uses the port, or choose another with "
            f"--{field.replace('_', '-')} (0: any free port)",
        )
