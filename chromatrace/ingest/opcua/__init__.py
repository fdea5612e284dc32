"""Store readings from an OPC UA server in the spool, each exactly once, across interruptions.

Guarantees of the gateway:

- *An equal value at a new time is a reading.* Monitored items trigger on status, value and timestamp.
- *Source time only.* A value without a source time, or that is not a finite number, is rejected and reported. The
  gateway never assigns a time. asyncua decodes times to microseconds (OPC UA itself has 100 ns).
- *No silent loss.* The buffer between network and spool is bounded. If it is full, the gateway stops sending publish
  requests and the server queues values. If that queue overflows, the server sets the overflow bit in the status code,
  and the gateway reads the gap with HistoryRead. A gap in the sequence numbers of notification messages counts as an
  overflow.
- *Catch-up.* After an interruption, the gateway reads the history of each tag from its last reading in the spool to the
  start of the new subscription and marks these readings as `replayed`. The readings of a tag reach the spool in time
  order, so the last one is the point to resume from.
- *Exactly once.* Duplicates are detected by (channel, source, tag, source time).

    settings    server, tags and connection parameters
    session     one connection: browse, subscribe, read history
    gateway     the loop: connect, catch up, store, reconnect
    writer      sequence numbers, duplicates, the spool
    background  the gateway in a thread
"""
