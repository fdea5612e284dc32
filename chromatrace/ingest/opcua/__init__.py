"""Readings from an OPC UA server into the spool, each exactly once, whatever happens to the connection.

What the gateway promises, and by what means:

- *An equal value at a new time is a reading*: monitored items trigger on status, value and timestamp.
- *The source's time, or none*: a value without source time, or that is no finite number, is refused and reported; the
  gateway never stamps. asyncua decodes times to microseconds (OPC UA itself has 100 ns).
- *Nothing dropped silently*: the buffer between network and spool is bounded; when it is full the gateway stops asking
  the server for more, the server queues, and where that queue overflows it says so in the status code (overflow bit).
  The gap is then fetched by HistoryRead. A gap in the numbers of the notification messages counts as such an overflow.
- *After an interruption*, of the network or of the gateway itself, each tag is fetched by HistoryRead from its last
  reading in the spool to where the new subscription began, marked `replayed`. Readings of a tag reach the spool in the
  order of their times, so that its last reading there is always the right place to resume.
- *Once*: what comes twice is recognised by (channel, source, tag, source time).

    settings    what to connect to, and how
    session     one connection: browse, subscribe, read history
    gateway     the loop: connect, catch up, take, reconnect
    writer      numbering, duplicates, the spool
    background  the gateway in a thread of its own
"""

from __future__ import annotations

from chromatrace.ingest.opcua.background import BackgroundGateway
from chromatrace.ingest.opcua.gateway import OpcUaGateway
from chromatrace.ingest.opcua.settings import OpcUaSecurity, OpcUaSettings
from chromatrace.ingest.opcua.statistics import Refusal, Statistics, UnfilledGap

__all__ = [
    "BackgroundGateway",
    "OpcUaGateway",
    "OpcUaSecurity",
    "OpcUaSettings",
    "Refusal",
    "Statistics",
    "UnfilledGap",
]
