"""Settings of a Modbus gateway."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.modbus.register_map import RegisterMap

DEFAULT_PORT = 502


@dataclass(frozen=True, slots=True)
class ModbusSettings:
    """Address, channel and register map. Raises `InvalidInput`, which names the setting.

    once       read each tag once, then end
    timeout_s  timeout of a connection attempt and of a request
    backoff_s  minimum and maximum pause before a reconnect, and before the next request to a silent device
    give_up_s  maximum time without a response; None: unlimited
    """

    host: str
    port: int
    channel: str
    map: RegisterMap
    once: bool = False
    timeout_s: float = 3.0
    backoff_s: tuple[float, float] = (0.2, 30.0)
    give_up_s: float | None = None

    def __post_init__(self) -> None:
        if not self.host or not 1 <= self.port <= 65_535:
            raise InvalidInput(f"expected HOST:PORT, got {self.address!r}", field="address")
        if not 1 <= len(self.channel) <= 120:
            raise InvalidInput(f"expected 1 to 120 characters, got {self.channel!r}", field="channel")
        for name in ("timeout_s", "give_up_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InvalidInput(f"{value} is not a finite number above 0", field=name)
        minimum, maximum = self.backoff_s
        if not 0 < minimum <= maximum < float("inf"):
            raise InvalidInput(f"expected 0 < minimum <= maximum, got {self.backoff_s}", field="backoff_s")

    @property
    def address(self) -> str:
        """Return HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(address: str) -> tuple[str, int]:
    """Return the host and the port of HOST:PORT or [IPv6]:PORT. Raises `InvalidInput`."""
    parts = urlsplit(f"//{address}")
    try:
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError:
        port = 0
    if not parts.hostname or not port or parts.path or parts.username is not None:
        raise InvalidInput(f"expected HOST:PORT, got {address!r}", field="address", hint="such as press.example:502")
    return parts.hostname, port
