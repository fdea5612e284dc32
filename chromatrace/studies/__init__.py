"""Simulation studies: functions from a shop floor and seeds to a `Study`. They need the optional extra `studies`."""

from importlib.util import find_spec

from chromatrace.domain.errors import Unavailable

EXTRA = ("matplotlib", "simpy")
"""The packages of the extra."""


def require_extra() -> None:
    """Raise `Unavailable` unless the packages of the extra `studies` are installed."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise Unavailable(
            f"not installed: {', '.join(missing)}", field="simulate", hint="run `pip install 'chromatrace[studies]'`"
        )
