"""The offset of a source's clock is that of the reading with the least delay, over one to two minutes."""

from chromatrace.ingest.gateway.clock import ClockOffsets
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey

S = 10**9
NOW = 1_772_352_000 * S


def value(received_s, ahead_s, source="press", *, replayed=False):
    received_ns = NOW + received_s * S
    return ReceivedValue(TagKey(source, "t", ""), received_ns + int(ahead_s * S), received_ns, 1.0, 0, replayed)


def test_the_least_delay_gives_the_offset_of_each_source():
    clocks = ClockOffsets()
    clocks.add([value(0, 4.0), value(1, 4.9), value(2, 1.0), value(0, -3.5, "oven")])
    assert clocks.offsets_ms() == {"press": 4900.0, "oven": -3500.0}


def test_values_from_a_history_are_left_out():
    clocks = ClockOffsets()
    clocks.add([value(0, -7200.0, replayed=True)])
    assert clocks.offsets_ms() == {}


def test_a_corrected_clock_is_seen_after_two_minutes():
    clocks = ClockOffsets()
    clocks.add([value(0, 3600.0)])
    clocks.add([value(61, -0.1)])
    assert clocks.offsets_ms() == {"press": 3_600_000.0}
    clocks.add([value(122, -0.2)])
    assert clocks.offsets_ms() == {"press": -100.0}
