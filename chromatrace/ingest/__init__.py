"""Store readings from recorded files and live servers in the spool, each exactly once.

`spool`   the durable store of all readings, in the order of each channel
`files`   recorded files: numeric tables, CSV with a time column, JSON lines
"""
