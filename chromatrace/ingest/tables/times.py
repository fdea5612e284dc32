"""Times in the cells of a table: formats, time zones and elapsed times, exact to the nanosecond where the text is.

A format is found from the cells. If a date could be day-month or month-day, `time_reader` raises `LayoutError`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.errors import LayoutError
from chromatrace.ingest.times import NS_PER_UNIT

_EPOCH = datetime.datetime(1970, 1, 1)
_SECOND = datetime.timedelta(seconds=1)
_MAX_TIME_NS = 2**63 - 1
_EXCEL_EPOCH = datetime.datetime(1899, 12, 30)
"""Day 0 of Excel's serial dates from March 1900 on (ECMA-376, 18.17.4.1)."""

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_CLOCK = (
    r"(?:[T\s,]+(?P<hour>\d{1,2})[:.h](?P<minute>\d\d)(?:[:.m](?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
)
_ZONE = r"\s*(?P<zone>Z|z|UTC|GMT|[+-]\d\d:?\d\d)?"
_SEPARATED = r"(?P<{}>\d{{1,2}})(?P<mark>[-/.\s])(?P<{}>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}|\d\d)"
_PATTERNS = {
    "year-month-day": r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})" + _CLOCK + _ZONE,
    "compact": (
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
        r"(?:[T\s_-]?(?P<hour>\d\d)(?P<minute>\d\d)(?:(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?" + _ZONE
    ),
    "day-month-year": _SEPARATED.format("day", "month") + _CLOCK + _ZONE,
    "month-day-year": _SEPARATED.format("month", "day") + _CLOCK + _ZONE,
    "day-name-year": r"(?P<day>\d{1,2})[-\s.]+(?P<name>[A-Za-z]{3,9})[-\s.,]+(?P<year>\d{4}|\d\d)" + _CLOCK + _ZONE,
    "name-day-year": r"(?P<name>[A-Za-z]{3,9})[-\s.]+(?P<day>\d{1,2})[-\s.,]+(?P<year>\d{4})" + _CLOCK + _ZONE,
}
_COMPILED = {name: re.compile(pattern, re.ASCII) for name, pattern in _PATTERNS.items()}
_DAY_FIRST, _MONTH_FIRST = "day-month-year", "month-day-year"
_EPOCH_RANGES = {"s": (1e8, 1e10), "ms": (1e11, 1e13), "us": (1e14, 1e16), "ns": (1e17, 1e19)}
EXCEL = "excel"


@dataclass(frozen=True, slots=True)
class TimeReader:
    """Converts cells to Unix nanoseconds. `format` describes the cells; `zone` applies to times without an offset."""

    format: str
    parse: Callable[[str], int]
    zone: str | None = None

    def __call__(self, text: str) -> int:
        """Return the Unix nanoseconds of a cell. Raises `InvalidInput` naming `time`."""
        ns = self.parse(text.strip())
        if not 0 < ns <= _MAX_TIME_NS:
            raise InvalidInput(f"{text.strip()!r} is not after 1970-01-01T00:00:00Z and before 2262", field="time")
        return ns


class MissingTimeZoneError(InvalidInput):
    """A time has no offset, and no time zone is set. `utc_ns`: Unix nanoseconds if it were UTC, to the second."""

    def __init__(self, text: str, naive: datetime.datetime) -> None:
        super().__init__(
            f"{text!r} has no offset from UTC",
            field="time",
            hint="use --time-zone with an IANA name, such as Europe/Berlin or UTC",
        )
        self.utc_ns = (naive - _EPOCH) // _SECOND * 10**9


def zone_named(name: str | None) -> ZoneInfo | None:
    """Return an IANA time zone. Raises `LayoutError`."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise LayoutError(
            f"{name!r} is not an IANA time zone", field="time_zone", hint="for example Europe/Berlin or UTC"
        ) from error


def time_reader(
    cells: Sequence[str],
    *,
    date_format: str | None,
    time_unit: str | None,
    time_zone: str | None,
    fold: str | None,
    start_ns: int | None,
    elapsed_unit: str,
) -> TimeReader:
    """Return the reader of a time column.

    cells         cells of the sample that are not empty
    date_format   strptime format, or "excel" for serial days; None: found from the cells
    time_unit     the cells are numbers of this unit since 1970
    time_zone     IANA name for times without an offset
    fold          earlier or later: the meaning of local times that occur twice; None rejects them
    start_ns      the cells are times since this one, in `elapsed_unit`

    Raises `LayoutError` if the format is unknown or ambiguous.
    """
    zone = zone_named(time_zone)

    def local(moment: datetime.datetime, text: str) -> int:
        return _local_ns(moment, text, zone, fold)

    if start_ns is not None:
        return TimeReader(f"{elapsed_unit} since the start", _elapsed(start_ns, elapsed_unit))
    if time_unit is not None:
        return TimeReader(f"{time_unit} since 1970", _epoch(time_unit))
    if date_format == EXCEL:
        return TimeReader("Excel serial days", _excel(local), time_zone)
    if date_format is not None:
        return TimeReader(date_format, _formatted(date_format, local), time_zone)
    numeric = [float(cell.replace(",", ".")) for cell in cells if _is_plain(cell)]
    compact = cells and all(_COMPILED["compact"].fullmatch(cell) and _valid("compact", cell) for cell in cells)
    if numeric and len(numeric) == len(cells) and not compact:
        return _epoch_reader(numeric)
    return _dated(cells, local, time_zone)


def looks_like_times(cells: Sequence[str]) -> bool:
    """Return whether most of the cells are dates with any known format."""
    dated = sum(any(_valid(name, cell) for name in _COMPILED) for cell in cells)
    return bool(cells) and dated > len(cells) / 2


def looks_like_time(cell: str) -> bool:
    """Return whether a cell is a date with any known format."""
    return any(_valid(name, cell.strip()) for name in _COMPILED)


def looks_like_epoch(cells: Sequence[str]) -> bool:
    """Return whether all cells are plausible numbers since 1970."""
    if not cells or not all(_is_plain(cell) for cell in cells):
        return False
    numbers = [float(cell.replace(",", ".")) for cell in cells]
    return any(low <= min(numbers) and max(numbers) < high for low, high in _EPOCH_RANGES.values())


def _epoch_reader(numbers: Sequence[float]) -> TimeReader:
    for unit, (low, high) in _EPOCH_RANGES.items():
        if low <= min(numbers) and max(numbers) < high:
            return TimeReader(f"{unit} since 1970", _epoch(unit))
    raise LayoutError(
        f"the time column has numbers such as {numbers[0]:g}",
        field="time_unit",
        hint="use --time-unit for times since 1970, --start for elapsed times, or --date-format excel for serial days",
    )


def _dated(cells: Sequence[str], local: Callable[[datetime.datetime, str], int], zone: str | None) -> TimeReader:
    names = [name for name in _COMPILED if any(_valid(name, cell) for cell in cells)]
    counts = {name: sum(_valid(name, cell) for cell in cells) for name in names}
    best = max(counts.values(), default=0)
    names = [name for name in names if counts[name] == best]
    if not names:
        example = cells[0] if cells else ""
        raise LayoutError(
            f"{example!r} is not a known time", field="date_format", hint='use --date-format, such as "%d/%m/%Y %H:%M"'
        )
    if {_DAY_FIRST, _MONTH_FIRST} <= set(names):
        example = next(cell for cell in cells if _valid(_DAY_FIRST, cell))
        if "." not in example.split()[0]:  # dates with dots are day first
            day = _moment(_DAY_FIRST, example)[0]
            month = _moment(_MONTH_FIRST, example)[0]
            raise LayoutError(
                f"{example!r} is {day:%d %B %Y} or {month:%d %B %Y}",
                field="date_format",
                hint='use --date-format "%d/%m/%Y …" or "%m/%d/%Y …"',
            )
        names.remove(_MONTH_FIRST)
    name = names[0]

    def parse(text: str) -> int:
        try:
            moment, nanoseconds, offset = _moment(name, text)
        except ValueError as error:
            raise InvalidInput(f"{text!r} is not a valid time: {error}", field="time") from error
        if offset is not None:
            return (moment - offset - _EPOCH) // _SECOND * 10**9 + nanoseconds
        return local(moment, text) + nanoseconds

    return TimeReader(_strftime(name, next(cell for cell in cells if _valid(name, cell))), parse, zone)


def _valid(name: str, text: str) -> bool:
    try:
        _moment(name, text)
    except ValueError:
        return False
    return True


def _moment(name: str, text: str) -> tuple[datetime.datetime, int, datetime.timedelta | None]:
    """Return the date and time without a fraction, the nanoseconds, and the offset if there is one.

    Raises `ValueError`.
    """
    match = _COMPILED[name].fullmatch(text)
    if match is None:
        raise ValueError(f"expected {name}")
    parts = match.groupdict()
    month = _MONTHS.get(parts["name"][:3].lower(), 0) if parts.get("name") else int(parts["month"])
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 2000 if year < 69 else 1900  # POSIX strptime
    hour = int(parts["hour"] or 0)
    if half := parts.get("half"):
        if not 1 <= hour <= 12:
            raise ValueError(f"hour {hour} with {half}")
        hour = hour % 12 + (12 if half.lower().startswith("p") else 0)
    moment = datetime.datetime(
        year, month, int(parts["day"]), hour, int(parts["minute"] or 0), int(parts["second"] or 0)
    )
    return moment, int((parts["fraction"] or "").ljust(9, "0")), _offset(parts["zone"])


def _offset(zone: str | None) -> datetime.timedelta | None:
    if zone is None:
        return None
    if zone[0] not in "+-":
        return datetime.timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError("the offset is out of range")
    offset = datetime.timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset


def _strftime(name: str, text: str) -> str:
    """Describe the format of `text` with the directives of strftime."""
    match = _COMPILED[name].fullmatch(text)
    assert match is not None
    year = "%Y" if len(match["year"]) == 4 else "%y"
    directives = {"year": year, "month": "%m", "day": "%d", "name": "%b", "hour": "%H", "minute": "%M", "second": "%S"}
    directives |= {"fraction": "%f", "half": "%p", "zone": "%z"}
    spans = sorted(
        (match.span(part), directives[part]) for part in match.groupdict() if part in directives and match[part]
    )
    result, position = "", 0
    for (begin, end), directive in spans:
        result += text[position:begin] + directive
        position = end
    result += text[position:]
    return result.replace("%H", "%I") if match.groupdict().get("half") else result


def _local_ns(moment: datetime.datetime, text: str, zone: ZoneInfo | None, fold: str | None) -> int:
    if zone is None:
        raise MissingTimeZoneError(text, moment)
    earlier, later = (moment.replace(tzinfo=zone, fold=number) for number in (0, 1))
    offset = earlier.utcoffset()
    if offset != later.utcoffset():
        back = earlier.astimezone(datetime.UTC).astimezone(zone).replace(tzinfo=None)
        if back != moment:
            raise InvalidInput(f"{text!r} does not exist in {zone.key}: the clock skips it", field="time")
        if fold is None:
            raise InvalidInput(
                f"{text!r} occurs twice in {zone.key}: the clock is set back",
                field="time",
                hint="use --fold earlier or --fold later",
            )
        offset = (earlier if fold == "earlier" else later).utcoffset()
    assert offset is not None
    return (moment - offset - _EPOCH) // _SECOND * 10**9


def _formatted(date_format: str, local: Callable[[datetime.datetime, str], int]) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            moment = datetime.datetime.strptime(text, date_format)
        except ValueError as error:
            raise InvalidInput(f"{text!r} does not have the format {date_format!r}", field="time") from error
        nanoseconds, moment = moment.microsecond * 1000, moment.replace(microsecond=0)
        if moment.tzinfo is not None:
            return int(moment.timestamp()) * 10**9 + nanoseconds
        return local(moment, text) + nanoseconds

    return parse


def _epoch(unit: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        return _nanoseconds(text, unit, f"expected a number of {unit} since 1970, got {text!r}")

    return parse


def _elapsed(start_ns: int, unit: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        return start_ns + _nanoseconds(text, unit, f"expected an elapsed time in {unit}, got {text!r}")

    return parse


def _nanoseconds(text: str, unit: str, message: str) -> int:
    """Return a number of `unit` in nanoseconds, rounded to the nearest. A decimal comma is accepted."""
    try:
        number = Decimal(text.replace(",", ".", 1)) if text.isascii() and "_" not in text else Decimal("NaN")
        if not number.is_finite():
            raise ValueError
        return int((number * NS_PER_UNIT[unit]).to_integral_value())
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise InvalidInput(message, field="time") from error


def _excel(local: Callable[[datetime.datetime, str], int]) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            days = Decimal(text.replace(",", ".", 1))
            if not 61 <= days < 2_958_466:  # from 1 March 1900: before, Excel has a leap day that did not exist
                raise ValueError
            milliseconds = int((days * 86_400_000).to_integral_value())
        except (InvalidOperation, ValueError) as error:
            raise InvalidInput(f"expected an Excel serial date, got {text!r}", field="time") from error
        seconds, rest = divmod(milliseconds, 1000)
        return local(_EXCEL_EPOCH + datetime.timedelta(seconds=seconds), text) + rest * 10**6

    return parse


def _is_plain(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?", text, re.ASCII))
