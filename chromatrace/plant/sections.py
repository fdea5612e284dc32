"""The sections of a plant file that have a module of their own."""

from __future__ import annotations

from typing import Any

from chromatrace.plant.names import Section

SECTIONS: tuple[Section[Any], ...] = ()
"""To add a section, add its `Section` here, and document its keys in docs/plant-file.md."""
