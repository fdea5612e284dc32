"""Blocks: adjacent registers or bits of one device that one request reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chromatrace.ingest.modbus.register_map import BIT_TABLES, MAX_BITS, ModbusTag, Table


@dataclass(frozen=True, slots=True)
class Block:
    """The tags of one request. It reads no register between them that is not in the map."""

    tags: tuple[ModbusTag, ...]

    @property
    def unit_id(self) -> int:
        """Return the unit id of the device."""
        return self.tags[0].unit_id

    @property
    def table(self) -> Table:
        """Return the table of the registers."""
        return self.tags[0].table

    @property
    def poll_ns(self) -> int:
        """Return the poll interval."""
        return self.tags[0].poll_ns

    @property
    def address(self) -> int:
        """Return the first address."""
        return self.tags[0].address

    @property
    def count(self) -> int:
        """Return the number of registers or bits."""
        return max(tag.end for tag in self.tags) - self.address

    def single_tags(self) -> list[Block]:
        """Return one block for each tag."""
        return [Block((tag,)) for tag in self.tags]


def blocks_of(tags: Iterable[ModbusTag]) -> list[Block]:
    """Group tags of the same device, table and interval whose registers are adjacent or overlap."""
    blocks: list[Block] = []
    pending: list[ModbusTag] = []
    end = 0
    for tag in sorted(tags, key=lambda tag: (*_group(tag), tag.address, tag.end)):
        limit = MAX_BITS if tag.table in BIT_TABLES else tag.max_registers
        fits = pending and _group(tag) == _group(pending[0]) and tag.address <= end
        if fits and max(end, tag.end) - pending[0].address <= limit:
            pending.append(tag)
            end = max(end, tag.end)
            continue
        if pending:
            blocks.append(Block(tuple(pending)))
        pending, end = [tag], tag.end
    return [*blocks, Block(tuple(pending))] if pending else blocks


def _group(tag: ModbusTag) -> tuple[int, str, int, int]:
    return tag.unit_id, tag.table, tag.poll_ns, tag.max_registers
