"""The gateway loop: connect, poll the blocks that are due, store the readings, and reconnect."""

from __future__ import annotations

import heapq
import logging
import random
import struct
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException, ModbusIOException
from pymodbus.pdu import ModbusPDU

from chromatrace.domain.errors import Unavailable
from chromatrace.domain.reading import GOOD, Reading, ReadingValue
from chromatrace.ingest.errors import SpoolUnavailable
from chromatrace.ingest.gateway.dead_letters import DeadLetter, NoRecorder, Recorder, registers_letter
from chromatrace.ingest.modbus.blocks import Block, blocks_of
from chromatrace.ingest.modbus.register_map import BIT_TABLES, ModbusTag
from chromatrace.ingest.modbus.settings import ModbusSettings
from chromatrace.ingest.modbus.statistics import ModbusStatistics
from chromatrace.ingest.modbus.values import decode
from chromatrace.ingest.spool import Spool

# OPC UA status codes (Part 6, A.2).
BAD_COMMUNICATION_ERROR = 0x8005_0000
BAD_NO_COMMUNICATION = 0x8031_0000
BAD_OUT_OF_RANGE = 0x803C_0000
BAD_DEVICE_FAILURE = 0x808B_0000
BAD_CONFIGURATION_ERROR = 0x8089_0000
BAD_TIMEOUT = 0x800A_0000
BAD_RESOURCE_UNAVAILABLE = 0x8004_0000
BAD_DECODING_ERROR = 0x8007_0000

EXCEPTIONS = {
    1: ("illegal function", BAD_CONFIGURATION_ERROR),
    2: ("illegal address", BAD_CONFIGURATION_ERROR),
    3: ("illegal value", BAD_CONFIGURATION_ERROR),
    4: ("device failure", BAD_DEVICE_FAILURE),
    5: ("acknowledge", BAD_RESOURCE_UNAVAILABLE),
    6: ("device busy", BAD_RESOURCE_UNAVAILABLE),
    7: ("negative acknowledge", BAD_RESOURCE_UNAVAILABLE),
    8: ("memory parity error", BAD_DEVICE_FAILURE),
    10: ("gateway path unavailable", BAD_NO_COMMUNICATION),
    11: ("gateway target does not respond", BAD_NO_COMMUNICATION),
}
"""Name and quality of each exception code (Modbus Application Protocol 1.1b3, 7)."""
_OF_ADDRESS = {2, 3}
"""Codes that may concern a part of the registers of a request."""
_OF_PART = _OF_ADDRESS | {4}

_RESUME_LIMIT = 400_000
_SPOOL_RETRY_S = 1.0
_STORE_AFTER_NS = 500_000_000
_logger = logging.getLogger(__name__)


class _ConnectionClosed(ConnectionError):
    """The connection ended during a request."""


class DeviceUnavailable(Unavailable):
    """No device responds."""


@dataclass(order=True, slots=True)
class _Poll:
    """The next poll of a block, by monotonic time."""

    due_ns: int
    number: int
    block: Block = field(compare=False)


@dataclass(slots=True)
class _Pause:
    """A device that did not respond is not polled before `until_ns` (monotonic)."""

    until_ns: int
    seconds: float


class ModbusGateway:
    """Stores the readings of the devices at one address in one channel. `statistics` can be read at any time."""

    def __init__(self, settings: ModbusSettings, spool: Spool, recorder: Recorder | None = None) -> None:
        self.settings = settings
        self.statistics = ModbusStatistics()
        self._recorder = recorder or NoRecorder()
        self._letters: list[DeadLetter] = []
        self._spool = spool
        self._stop = threading.Event()
        # The gateway itself retries: pymodbus would repeat a request on a connection with late responses.
        self._client = ModbusTcpClient(settings.host, port=settings.port, timeout=settings.timeout_s, retries=0)
        self._polls: list[_Poll] = []
        self._pauses: dict[int, _Pause] = {}
        self._next_sequence: dict[str, int] = {}
        self._last_response_s = 0.0
        self._logged_reason = ""

    def run(self, stop: threading.Event, *, progress: Callable[[int], object] = lambda _: None) -> ModbusStatistics:
        """Run until `stop` is set or, with `once`, until each tag was read. `progress` receives the number stored.

        If no device is available, the gateway waits and logs the reason each time it changes. Raises
        `DeviceUnavailable` after `give_up_s`, `SpoolCorrupt`, and `SpoolUnavailable` if the spool cannot be written at
        the end.
        """
        self._stop = stop
        self._last_response_s = time.monotonic()
        self._polls.clear()
        self._resume({tag.source for tag in self.settings.map.tags})
        self._schedule(blocks_of(self.settings.map.tags), time.monotonic_ns())
        pause_s, maximum_pause_s = self.settings.backoff_s
        try:
            while self._polls and not stop.is_set():
                responded_s = self._last_response_s
                try:
                    self._connect()
                    self._poll_due()
                    progress(self.statistics.stored)
                    self._require_response()
                except ConnectionError as error:
                    self._disconnected(str(error))
                    if self._last_response_s > responded_s:
                        pause_s = self.settings.backoff_s[0]
                    # Jitter, so many gateways do not reconnect to a restarted server at the same time.
                    jittered_s = pause_s * random.uniform(0.5, 1.0)  # noqa: S311
                    stop.wait(min(jittered_s, self._require_response()))
                    pause_s = min(2 * pause_s, maximum_pause_s)
                    continue
                pause_s = self.settings.backoff_s[0]
                stop.wait(self._until_next_s())
        finally:
            self._client.close()
            self.statistics.connected = False
            self._count_missed()
        return self.statistics

    def _connect(self) -> None:
        """Open the connection if it is closed. Raises ConnectionError."""
        if self._client.connected:
            return
        if not self._client.connect():
            self.statistics.failed_attempts += 1
            raise ConnectionError(f"{self.settings.address} does not respond")
        self.statistics.reconnects += self.statistics.connects > 0
        self.statistics.connects += 1
        self.statistics.connected = True
        if self._logged_reason:
            _logger.warning("connected to %s", self.settings.address)
        self._logged_reason = ""

    def _disconnected(self, reason: str) -> None:
        self._client.close()
        self.statistics.connected = False
        self.statistics.last_error = reason
        if reason != self._logged_reason:
            _logger.warning("%s; retrying with increasing delay", reason)
        self._logged_reason = reason

    def _require_response(self) -> float:
        """Return how long the gateway still waits for a response. Raises `DeviceUnavailable` after `give_up_s`."""
        limit_s = self.settings.give_up_s
        if limit_s is None:
            return float("inf")
        remaining_s = self._last_response_s + limit_s - time.monotonic()
        if remaining_s <= 0:
            raise DeviceUnavailable(
                f"no device at {self.settings.address} responded for {limit_s:g} s; {self.statistics.stored:,} "
                f"readings stored before: {self.statistics.last_error}",
                field="address",
                hint="check the address and that the devices are running, then run this command again",
            )
        return remaining_s

    def _schedule(self, blocks: Iterable[Block], due_ns: int) -> None:
        for block in blocks:
            heapq.heappush(self._polls, _Poll(due_ns, block.address, block))

    def _until_next_s(self) -> float:
        """Return the time until the next poll of a device that is not paused."""
        starts_ns = (
            max(poll.due_ns, pause.until_ns) if (pause := self._pauses.get(poll.block.unit_id)) else poll.due_ns
            for poll in self._polls
        )
        return max(0.0, (min(starts_ns, default=0) - time.monotonic_ns()) / 1e9)

    def _poll_due(self) -> None:
        """Read each block that is due once, and store the readings. Raises ConnectionError."""
        due: list[_Poll] = []
        now_ns = time.monotonic_ns()
        while self._polls and self._polls[0].due_ns <= now_ns:
            due.append(heapq.heappop(self._polls))
        due.reverse()
        readings: list[Reading] = []
        silent: set[int] = set()
        try:
            while due and not self._stop.is_set():
                poll = due[-1]
                unit_id = poll.block.unit_id
                if unit_id not in silent and self._paused(unit_id):
                    heapq.heappush(self._polls, due.pop())
                    continue
                started_ns = time.monotonic_ns()
                blocks = self._read(poll.block, silent, readings)
                due.pop()
                self._reschedule(poll, blocks, started_ns)
                if time.monotonic_ns() - now_ns > _STORE_AFTER_NS:
                    # Silent devices make the round long. The readings of the others do not wait for its end.
                    self._store(readings)
                    readings.clear()
        finally:
            for poll in due:
                heapq.heappush(self._polls, poll)
            self._store(readings)

    def _paused(self, unit_id: int) -> bool:
        pause = self._pauses.get(unit_id)
        return pause is not None and time.monotonic_ns() < pause.until_ns

    def _reschedule(self, poll: _Poll, blocks: list[Block], started_ns: int) -> None:
        interval_ns = poll.block.poll_ns
        missed = max(0, started_ns - poll.due_ns) // interval_ns
        self.statistics.missed_polls += missed
        if not self.settings.once:
            self._schedule(blocks, poll.due_ns + (missed + 1) * interval_ns)

    def _count_missed(self) -> None:
        """Count the polls that are overdue at the end."""
        now_ns = time.monotonic_ns()
        for poll in self._polls:
            self.statistics.missed_polls += max(0, now_ns - poll.due_ns) // poll.block.poll_ns

    def _read(self, block: Block, silent: set[int], readings: list[Reading]) -> list[Block]:
        """Add the readings of a block. Return the blocks to read in its place from now on. Raises ConnectionError.

        If a device rejects an address, each tag is read separately: one wrong address does not hide the other tags.
        """
        time_ns = time.time_ns()
        if block.unit_id in silent:
            self._add_bad(block, time_ns, BAD_TIMEOUT, "no response", readings)
            return [block]
        try:
            response = self._request(block)
        except ModbusIOException:
            self.statistics.timeouts += 1
            self.statistics.last_error = f"device {block.unit_id} at {self.settings.address} does not respond"
            self._pause(block.unit_id)
            silent.add(block.unit_id)
            self._add_bad(block, time_ns, BAD_TIMEOUT, "no response", readings)
            return [block]
        except _ConnectionClosed:
            # Some gateways close the connection on a request to an unknown device. The others must still be polled.
            if not self._pause(block.unit_id):
                raise
            self._add_bad(block, time_ns, BAD_COMMUNICATION_ERROR, "connection closed", readings)
            return [block]
        self._last_response_s = time.monotonic()
        self._pauses.pop(block.unit_id, None)
        if response.isError():
            code = response.exception_code
            name, quality = EXCEPTIONS.get(code, (f"exception {code}", BAD_DEVICE_FAILURE))
            self.statistics.exceptions[name] = self.statistics.exceptions.get(name, 0) + 1
            if code in _OF_PART and len(block.tags) > 1:
                for single in block.single_tags():
                    self._read(single, silent, readings)
                return block.single_tags() if code in _OF_ADDRESS else [block]
            self._add_bad(block, time_ns, quality, name, readings)
            return [block]
        words = list(response.bits if block.table in BIT_TABLES else response.registers)
        for tag in block.tags:
            start = tag.address - block.address
            self._add_value(tag, time_ns, words[start : start + tag.size], readings)
        return [block]

    def _request(self, block: Block) -> ModbusPDU:
        """Read the registers of a block. Raises ModbusIOException without a valid response, and ConnectionError."""
        read = {
            "coil": self._client.read_coils,
            "discrete": self._client.read_discrete_inputs,
            "input": self._client.read_input_registers,
            "holding": self._client.read_holding_registers,
        }[block.table]
        self._connect()
        self.statistics.requests += 1
        try:
            return read(block.address, count=block.count, device_id=block.unit_id)
        except ModbusIOException:
            raise
        except (ConnectionException, OSError) as error:
            raise _ConnectionClosed(f"connection to {self.settings.address} lost") from error
        except (ModbusException, struct.error, ValueError, IndexError) as error:
            # pymodbus decodes malformed responses without checks.
            raise ModbusIOException(str(error)) from error

    def _pause(self, unit_id: int) -> bool:
        """Pause a device that did not respond, and reconnect: a late response must not answer the next request.

        Return whether its preceding request had no response either.
        """
        self._client.close()
        previous = self._pauses.get(unit_id)
        minimum_s, maximum_s = self.settings.backoff_s
        seconds = min(2 * previous.seconds, maximum_s) if previous else minimum_s
        self._pauses[unit_id] = _Pause(time.monotonic_ns() + int(seconds * 1e9), seconds)
        return previous is not None

    def _add_value(self, tag: ModbusTag, time_ns: int, words: list[int], readings: list[Reading]) -> None:
        if len(words) < tag.size:
            self._add_bad(Block((tag,)), time_ns, BAD_DECODING_ERROR, "response is too short", readings)
            return
        try:
            value = decode(tag, words)
        except ValueError as error:
            self._add_bad(Block((tag,)), time_ns, BAD_OUT_OF_RANGE, str(error), readings, words)
            return
        readings.append(self._reading(tag, time_ns, value, GOOD))

    def _add_bad(
        self,
        block: Block,
        time_ns: int,
        quality: int,
        reason: str,
        readings: list[Reading],
        words: Sequence[int] = (),
    ) -> None:
        """Add a bad reading of each tag. The first one with this reason, and each with registers, is a dead letter."""
        for tag in block.tags:
            first = self.statistics.add_bad(tag.source, tag.tag, reason)
            if first:
                _logger.warning("%s of %s is bad: %s", tag.tag, tag.source, reason)
            if first or words:
                address = f"unit {tag.unit_id}, {tag.table} {tag.address}"
                self._letters.append(registers_letter(tag.source, tag.tag, reason, time_ns, address, words))
            readings.append(self._reading(tag, time_ns, None, quality))

    def _reading(self, tag: ModbusTag, time_ns: int, value: ReadingValue, quality: int) -> Reading:
        sequence = self._next_sequence.get(tag.source, 0)
        self._next_sequence[tag.source] = sequence + 1
        return Reading(tag.source, tag.tag, time_ns, time.time_ns(), value, tag.unit, quality, sequence)

    def _resume(self, sources: set[str]) -> None:
        """Find the next sequence number of each source among the last readings of the channel."""
        for (source, _), end in self._spool.series_ends(self.settings.channel, _RESUME_LIMIT, 0).items():
            if end is not None and source in sources:
                self._next_sequence[source] = max(self._next_sequence.get(source, 0), end.sequence + 1)

    def _store(self, readings: list[Reading]) -> None:
        """Store readings. Retry while the spool is unavailable; no polls happen meanwhile."""
        while readings:
            try:
                self._recorder.record(self._letters)
                self._letters.clear()
                result = self._spool.append(self.settings.channel, readings)
            except SpoolUnavailable as error:
                self.statistics.spool_retries += 1
                self.statistics.last_error = str(error)
                _logger.error("%s; retrying", error)
                if self._stop.is_set():
                    raise
                self._stop.wait(_SPOOL_RETRY_S)
                continue
            self.statistics.stored += result.stored
            self.statistics.duplicates += result.duplicates
            self.statistics.conflicting += result.conflicting
            return
