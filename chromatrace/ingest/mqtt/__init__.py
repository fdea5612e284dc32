"""Store readings from an MQTT broker in the spool: Sparkplug B 3.0 payloads, or JSON objects by a mapping.

- *Source time only.* A value without a time of its source is rejected and reported. Only the death of a node or device
  has the time of its receipt.
- *Acknowledge after storage.* A message of QoS 1 is acknowledged after the spool has stored its readings. After a
  crash, the broker delivers it again, and the spool detects the duplicate by (source, tag, source time).
- *No silent loss.* Gaps, unknown aliases, data before a birth and invalid payloads are counted and listed by source.

    settings   broker, topics and connection parameters
    payload    values of Sparkplug metrics
    sparkplug  births, aliases, sequence numbers and deaths
    topics     JSON objects
    gateway    the loop: connect, store, acknowledge, reconnect
"""
