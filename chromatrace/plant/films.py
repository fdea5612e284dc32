"""Derive the deposition of a film from the readings of its chamber."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading
from chromatrace.plant.errors import MissingHistoryError

_DEPOSITING_NM_MIN = 0.5
_REQUIRED = (
    "base_pressure",
    "working_pressure",
    "oxygen_share",
    "substrate_temperature",
    "target_voltage",
    "deposition_rate",
    "film_thickness",
)


@dataclass(frozen=True, slots=True)
class Film:
    """A film as described by the readings of its chamber. Values are means over the deposition unless noted.

    base_pressure_pa      reached before the gases were admitted
    thickness_nm          at the end of the deposition
    arc_share             share of the samples with a collapsed voltage
    started_ns, ended_ns  source times of the first and last sample of the deposition
    finished              whether a later reading shows that the deposition ended
    """

    station: str
    base_pressure_pa: float
    pressure_pa: float
    oxygen_share: float
    temperature_c: float
    rate_nm_min: float
    thickness_nm: float
    arc_share: float
    samples: int
    started_ns: int
    ended_ns: int
    finished: bool

    @property
    def oxygen_pa(self) -> float:
        """Return the partial pressure of oxygen, computed from its share in the gas flow."""
        return self.pressure_pa * self.oxygen_share


def films(station: str, readings: Iterable[Reading]) -> list[Film]:
    """Return the films in the order of their deposition. Readings of other tags are ignored."""
    instants, idle_ns = _instants(station, readings)
    return [_film(station, run, finished=run[-1][0] < idle_ns) for run in _depositions(instants)]


def latest_film(station: str, readings: Iterable[Reading]) -> Film:
    """Return the last finished film. Raises `MissingHistoryError`."""
    finished = [film for film in films(station, readings) if film.finished]
    if not finished:
        raise MissingHistoryError(
            f"the readings contain no finished film of station {station}",
            field="readings",
            hint="pass the readings of a complete run, with the tags "
            + " and ".join(f"{station}.{quantity}" for quantity in ("deposition_rate", "film_thickness")),
        )
    return finished[-1]


_Instant = tuple[int, dict[str, float]]


def _instants(station: str, readings: Iterable[Reading]) -> tuple[list[_Instant], int]:
    """Return the values at each time that has all required quantities, and the last time without deposition.

    The rate alone shows the end of a deposition: other quantities may have no good value while the chamber is vented.
    """
    prefix = f"{station}."
    instants: dict[int, dict[str, float]] = {}
    sources: set[str] = set()
    idle_ns = 0
    for reading in readings:
        quantity, value = reading.tag.removeprefix(prefix), reading.good_number
        if reading.tag.startswith(prefix) and quantity in _REQUIRED and value is not None:
            sources.add(reading.source)
            instants.setdefault(reading.source_time_ns, {})[quantity] = value
            if quantity == "deposition_rate" and value < _DEPOSITING_NM_MIN:
                idle_ns = max(idle_ns, reading.source_time_ns)
    if len(sources) > 1:
        raise InvalidInput(f"expected one source, got {', '.join(sorted(sources))}", field="readings")
    complete = sorted((time, values) for time, values in instants.items() if len(values) == len(_REQUIRED))
    return complete, idle_ns


def _depositions(instants: list[_Instant]) -> Iterator[list[_Instant]]:
    run: list[_Instant] = []
    for instant in instants:
        if instant[1]["deposition_rate"] >= _DEPOSITING_NM_MIN:
            run.append(instant)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _film(station: str, run: list[_Instant], *, finished: bool) -> Film:
    def mean(quantity: str) -> float:
        return fmean(values[quantity] for _, values in run)

    typical = sorted(values["target_voltage"] for _, values in run)[len(run) // 2]
    return Film(
        station=station,
        base_pressure_pa=run[0][1]["base_pressure"],
        pressure_pa=mean("working_pressure"),
        oxygen_share=mean("oxygen_share") / 100,
        temperature_c=mean("substrate_temperature"),
        rate_nm_min=mean("deposition_rate"),
        thickness_nm=run[-1][1]["film_thickness"],
        arc_share=fmean(values["target_voltage"] < typical / 2 for _, values in run),
        samples=len(run),
        started_ns=run[0][0],
        ended_ns=run[-1][0],
        finished=finished,
    )
