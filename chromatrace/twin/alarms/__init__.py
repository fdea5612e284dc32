"""Alarms in the terms of ANSI/ISA-18.2: raised, acknowledged, cleared, shelved, suppressed."""
