"""Readings into the spool: from recorded files and live servers, each exactly once.

`spool`   the durable store of every reading taken, in the order of each channel
`files`   recorded files: numeric tables, CSV with a time column, JSON lines
"""
