"""Test the recorded process from its file to an inclusion proof of every reading."""

import pytest

from chromatrace.anchor import Anchorer
from chromatrace.ingest.files import ingest_file, layout_for
from chromatrace.ingest.spool import Spool
from chromatrace.merkle.proofs import leaf_hash, root

READINGS = 49_920
COLUMNS = "XMEAS(1..41),XMV(1..11)"
START, STEP = 1_767_225_600_000_000_000, 180 * 10**9


class ListPublisher:
    def __init__(self):
        self.heads = []

    def publish(self, head):
        self.heads.append(head)

    def anchored_size(self, channel):
        return max((head.size for head in self.heads if head.channel == channel), default=0)


@pytest.fixture
def recorded(data_dir):
    return data_dir / "tep" / "d01_te.dat"


def test_all_readings_are_stored_once_and_proven(recorded, tmp_path):
    publisher = ListPublisher()
    layout = layout_for(columns=COLUMNS, start="2026-01-01T00:00:00Z", step="180s")
    with Spool(tmp_path / "spool.db") as spool, Anchorer(spool, publisher, tmp_path / "log.db") as anchorer:
        first = ingest_file(spool, "tep", recorded, layout)
        assert (first.stored, first.duplicates, first.rejected_count, first.lines) == (READINGS, 0, 0, 960)
        anchorer.anchor("tep")
        second = ingest_file(spool, "tep", recorded, layout)
        assert (second.stored, second.duplicates, second.rejected_count) == (0, READINGS, 0)
        assert anchorer.anchor("tep") is None

        # Parse the file independently of the code under test.
        cells = [[float(cell) for cell in line.split()] for line in recorded.read_text(encoding="ascii").splitlines()]
        tags = [f"XMEAS({n})" for n in range(1, 42)] + [f"XMV({n})" for n in range(1, 12)]
        expected = [
            (tag, START + row * STEP, value)
            for row, line in enumerate(cells)
            for tag, value in zip(tags, line, strict=True)
        ]
        stored = list(spool.entries("tep"))
        assert [(reading.tag, reading.source_time_ns, reading.value) for reading in stored] == expected

        (head,) = publisher.heads
        assert (head.size, head.first_time_ns, head.last_time_ns) == (READINGS, START, START + 959 * STEP)
        assert head.root == root(map(leaf_hash, spool.log_entries("tep")))
        for index, reading in enumerate(stored):
            proof = anchorer.prove("tep", "d01_te", reading.tag, reading.source_time_ns)
            assert (proof.index, proof.size, proof.root) == (index, READINGS, head.root)
            assert proof.verify() == reading


def test_an_invalid_row_affects_only_that_row(recorded, tmp_path):
    lines = recorded.read_text(encoding="ascii").splitlines(keepends=True)
    cells = lines[499].split()
    lines[499] = "  ".join([*cells[:10], "2.66O4e+01", *cells[11:]]) + "\n"
    lines[700] = lines[700][:40] + "\n"
    broken = tmp_path / "d01_te.dat"
    broken.write_text("".join(lines), encoding="ascii")
    layout = layout_for(columns=COLUMNS, start="2026-01-01T00:00:00Z", step="180s")
    with Spool(tmp_path / "spool.db") as spool:
        result = ingest_file(spool, "tep", broken, layout)
        assert [(row.line, row.field) for row in result.rejected] == [(500, "XMEAS(11)"), (701, "columns")]
        assert "'2.66O4e+01'" in result.rejected[0].reason
        assert result.stored == READINGS - 1 - 52
        # The corrected file adds only the missing readings, at their own times.
        corrected = ingest_file(spool, "tep", recorded, layout)
        assert (corrected.stored, corrected.duplicates, corrected.conflicting) == (53, READINGS - 53, 0)
