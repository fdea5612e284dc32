"""Counters of the gateway as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_COUNTERS = {
    "taken": ("readings_stored", "Readings stored in the spool."),
    "duplicates": ("duplicates", "Readings that were already stored."),
    "conflicting": ("conflicts", "Readings that contradict a stored one of the same time."),
    "out_of_order": ("out_of_order", "Readings older than the newest of their tag, stored."),
    "replayed": ("replayed", "Readings from the history of a source."),
    "refused": ("rejected", "Values that are not valid readings."),
    "dropped": ("dropped", "Values or messages that a full buffer dropped."),
    "bad_readings": ("bad_readings", "Readings without a value, stored with a bad quality."),
    "overflows": ("overflows", "Queues of a device that overflowed."),
    "gaps_unfilled": ("gaps", "Gaps that the history of a source does not fill."),
    "missed_polls": ("missed_polls", "Polls that did not happen in time."),
    "timeouts": ("timeouts", "Requests without a response."),
    "reconnects": ("reconnects", "Connections after the first."),
    "failed_attempts": ("failed_connects", "Connections that failed."),
    "spool_retries": ("spool_retries", "Commits that failed and were repeated."),
    "rebirth_requests": ("rebirth_requests", "Sparkplug rebirth requests."),
    "files": ("files", "Files that were read."),
    "requests": ("requests", "Requests to a device, or of pushed readings."),
}
"""Metric and description by the name of the counter in a source's statistics."""
_BY_REASON = {
    "rejected_by_source": (
        "rejected_by_reading_source",
        "Invalid values by source of the reading.",
    ),
    "exceptions": ("modbus_exceptions", "Exception responses of Modbus devices, by name."),
}


class _Report(Collector):
    def __init__(self, report: Mapping[str, Any]) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        sources = self._report["sources"]
        yield from _channel_gauges(self._report["channels"])
        up = GaugeMetricFamily("chromatrace_gateway_source_up", "1 if connected.", labels=["source", "protocol"])
        failures = CounterMetricFamily(
            "chromatrace_gateway_source_failures", "Errors that restarted a source.", labels=["source"]
        )
        for source in sources:
            up.add_metric([source["source"], source["protocol"]], float(source["state"] == "connected"))
            failures.add_metric([source["source"]], source["failures"])
        yield up
        yield failures
        for name, (metric, text) in _COUNTERS.items():
            family = CounterMetricFamily(f"chromatrace_gateway_{metric}", text, labels=["source"])
            for source in sources:
                if name in source["statistics"]:
                    family.add_metric([source["source"]], source["statistics"][name])
            yield family
        for name, (metric, text) in _BY_REASON.items():
            family = CounterMetricFamily(f"chromatrace_gateway_{metric}", text, labels=["source", "name"])
            for source in sources:
                for key, count in source["statistics"].get(name, {}).items():
                    family.add_metric([source["source"], key], count)
            yield family
        yield from _clock_metrics(sources)
        letters = GaugeMetricFamily(
            "chromatrace_gateway_dead_letters", "Dead letters in the store.", labels=["source", "state"]
        )
        for letter in self._report["dead_letters"]:
            letters.add_metric([letter["origin"], letter["state"]], letter["count"])
        yield letters


def metrics_text(report: Mapping[str, Any]) -> bytes:
    """Return the metrics of a gateway's report in the Prometheus text format."""
    registry = CollectorRegistry()
    registry.register(_Report(report))
    return generate_latest(registry)


def _channel_gauges(channels: list[dict[str, Any]]) -> Iterator[Metric]:
    size = GaugeMetricFamily("chromatrace_gateway_channel_readings", "Readings of a channel.", labels=["channel"])
    waiting = GaugeMetricFamily(
        "chromatrace_gateway_channel_waiting", "Readings that wait for their commit.", labels=["channel"]
    )
    writable = GaugeMetricFamily(
        "chromatrace_gateway_channel_writable",
        "0 if the last commit failed.",
        labels=["channel"],
    )
    for channel in channels:
        size.add_metric([channel["channel"]], channel["size"])
        waiting.add_metric([channel["channel"]], channel["waiting"])
        writable.add_metric([channel["channel"]], float(channel["error"] is None))
    yield from (size, waiting, writable)


def _clock_metrics(sources: list[dict[str, Any]]) -> Iterator[Metric]:
    offset = GaugeMetricFamily(
        "chromatrace_gateway_clock_offset_seconds",
        "How far the clock of a source is ahead, at least.",
        labels=["source", "name"],
    )
    implausible = CounterMetricFamily(
        "chromatrace_gateway_implausible_times",
        "Source times in the future or before 2000.",
        labels=["source", "name", "direction"],
    )
    for source in sources:
        for name, offset_ms in source["statistics"].get("clock_offset_ms", {}).items():
            offset.add_metric([source["source"], name], offset_ms / 1e3)
        for name, times in source["statistics"].get("implausible_times", {}).items():
            for direction, count in times.items():
                implausible.add_metric([source["source"], name, direction], count)
    yield from (offset, implausible)
