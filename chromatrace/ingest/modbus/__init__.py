"""Store readings from Modbus TCP devices in the spool.

Modbus has no times and no history. The source time of a reading is the time of its poll. Polls that an interruption
prevents are counted and never replaced by invented values. A value that a device does not return, or that is not a
valid reading, is stored as a bad reading without a value, and counted for its tag.

    settings      address, channel and time limits
    register_map  devices and tags: a TOML file
    blocks        requests that read adjacent registers together
    values        registers to numbers and texts
    gateway       the loop: connect, poll, store, reconnect
    statistics    counters
"""
