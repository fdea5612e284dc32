"""A folder: each new file is read once, after it is complete, and a failing file can be replayed."""

import gzip
import io
import os
import threading
import time

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from chromatrace.gateway.dead_letters import DeadLetters
from chromatrace.gateway.folder import FolderReader
from chromatrace.gateway.store import GatewayStore
from chromatrace.ingest.layout import Layout
from chromatrace.ingest.spool import Spool
from chromatrace.plant.plant_sources import FolderSource

CHANNEL = "lab"
GOING = threading.Event()


class Watched:
    def __init__(self, folder, **options):
        self.path = folder / "in"
        self.path.mkdir(exist_ok=True)
        self.spool = Spool(folder / "spool.db")
        self.store = GatewayStore(folder / "gateway.db")
        self.letters = DeadLetters(self.store)
        self.source = FolderSource("spectra", CHANNEL, self.path, "*.csv*")
        self.options = {"settle_s": 0.0} | options
        self.reopen()

    def reopen(self, layout=None):
        """Continue as another process does after a crash."""
        recorder = self.letters.recorder("spectra", CHANNEL)
        self.reader = FolderReader(self.source, layout or Layout(), self.spool, self.store, recorder, **self.options)
        return self

    def scan(self):
        self.reader.scan(GOING)
        return self.values()

    def values(self):
        return [reading.value for reading in self.spool.entries(CHANNEL)]


def write(path, *values, end="\n"):
    rows = "\n".join(f"2026-03-01T08:00:{second:02}Z,{value}" for second, value in enumerate(values))
    path.write_text(f"time,length[mm]\n{rows}{end}")


@pytest.fixture
def watched(tmp_path):
    opened = Watched(tmp_path)
    yield opened
    opened.spool.close()
    opened.store.close()


def test_a_file_is_read_once(watched):
    write(watched.path / "a.csv", 1, 2)
    assert watched.scan() == [1.0, 2.0]
    assert watched.scan() == [1.0, 2.0]
    assert watched.reopen().scan() == [1.0, 2.0]
    assert watched.reader.statistics.files == 0
    assert [reading.source for reading in watched.spool.entries(CHANNEL)] == ["spectra"] * 2


@pytest.mark.parametrize("name", ["a.csv.tmp", ".a.csv", "a.csv.part", "a.txt", "a.csv~"])
def test_temporary_and_other_names_are_left_out(watched, name):
    write(watched.path / name, 1)
    assert watched.scan() == []
    (watched.path / name).rename(watched.path / "b.csv")
    assert watched.scan() == [1.0]


def test_a_renamed_file_is_not_read_again(watched):
    write(watched.path / "a.csv", 1)
    watched.scan()
    (watched.path / "a.csv").rename(watched.path / "b.csv")
    watched.scan()
    assert (watched.reader.statistics.files, watched.reader.statistics.duplicates) == (1, 0)


def test_a_touched_file_is_not_read_again(watched):
    write(watched.path / "a.csv", 1)
    watched.scan()
    os.utime(watched.path / "a.csv", ns=(1, 1))
    watched.scan()
    assert watched.reader.statistics.files == 1


def test_other_content_under_the_same_name_is_read(watched):
    write(watched.path / "a.csv", 1)
    watched.scan()
    write(watched.path / "new.tmp", 1, 2)
    (watched.path / "new.tmp").rename(watched.path / "a.csv")
    assert watched.scan() == [1.0, 2.0]
    assert watched.reader.statistics.duplicates == 1


def test_content_that_contradicts_an_earlier_file_is_a_dead_letter(watched):
    write(watched.path / "a.csv", 1)
    watched.scan()
    write(watched.path / "a.csv", 2)
    assert watched.scan() == [1.0]
    (letter,) = watched.letters.letters()
    assert "contradicts" in letter.reason
    assert watched.reader.statistics.conflicting == 1


def test_a_file_that_is_still_written_waits(tmp_path):
    watched = Watched(tmp_path, settle_s=1e9)
    write(watched.path / "a.csv", 1)
    assert watched.scan() == []
    assert watched.scan() == []
    watched.options["settle_s"] = 0.0
    assert watched.reopen().scan() == [1.0]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_an_incomplete_file_waits_longer(tmp_path, suffix):
    watched = Watched(tmp_path, settle_s=1e-9)
    path = watched.path / f"a{suffix}"
    text = b"time,length[mm]\n2026-03-01T08:00:00Z,1\n2026-03-01T08:00:01Z,25\n"
    data = gzip.compress(text) if suffix.endswith(".gz") else text
    path.write_bytes(data[:-2])
    watched.reader._settle_s = 1e9 / 5  # the plain wait is over, the longer one is not
    watched.scan()
    candidate = watched.reader._candidates[path]
    watched.reader._candidates[path] = type(candidate)(candidate.stamp, candidate.since_s - 1e9 / 5)
    assert watched.scan() == []
    path.write_bytes(data)
    watched.reader._settle_s = 0.0
    assert watched.scan() == [1.0, 25.0]


def test_a_file_that_changes_while_it_is_read_is_read_again(watched, monkeypatch):
    from chromatrace.gateway import folder

    write(watched.path / "a.csv", 1)
    real = folder.ingest_file

    def ingest_and_append(*arguments, **options):
        result = real(*arguments, **options)
        with (watched.path / "a.csv").open("a") as file:
            file.write("2026-03-01T08:00:09Z,9\n")
        return result

    monkeypatch.setattr(folder, "ingest_file", ingest_and_append)
    watched.scan()
    monkeypatch.undo()
    assert watched.scan() == [1.0, 9.0]
    assert watched.reader.statistics.files == 1


def test_a_failing_file_is_a_dead_letter_until_it_is_correct(watched):
    (watched.path / "a.csv").write_text("time,length[mm]\n01.03.2026 08:00,1\n02.03.2026 08:00,2\n")
    assert watched.scan() == []
    (letter,) = watched.letters.letters()
    assert (letter.form, letter.source, letter.complete) == ("file", "spectra", True)
    assert watched.reopen().scan() == []
    assert watched.letters.letters()[0].count == 1
    write(watched.path / "a.csv", 1)
    assert watched.scan() == [1.0]
    assert watched.letters.letters() == []


def nested_parquet():
    buffer = io.BytesIO()
    table = pyarrow.table({"time": ["2026-03-01T08:00:00Z"], "a": [{"x": 1.0}]})
    pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()


def truncated_workbook():
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["time", "a"])
    book.active.append(["2026-03-01T08:00:00Z", 1.0])
    book.save(buffer)
    return buffer.getvalue()[:-200]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xlsx", truncated_workbook),
        ("a.parquet", nested_parquet),
        ("a.csv", lambda: b""),
        ("a.csv", lambda: bytes(range(256)) * 4),
        ("a.csv", lambda: b"time,a\n"),
        ("a.csv.gz", lambda: b"\x1f\x8bno gzip"),
    ],
    ids=["truncated-xlsx", "nested-parquet", "empty", "bytes", "no-rows", "no-gzip"],
)
def test_a_damaged_file_is_a_dead_letter(tmp_path, name, content):
    watched = Watched(tmp_path)
    watched.source = FolderSource("spectra", CHANNEL, watched.path, "*")
    (watched.path / name).write_bytes(content())
    assert watched.reopen().scan() == []
    (letter,) = watched.letters.letters()
    assert (letter.origin, letter.address) == ("spectra", str(watched.path / name))
    assert letter.reason
    assert watched.reader.statistics.rejected == 1


def test_notifications_and_polling_end_with_the_gateway(watched):
    """`run` reads a file that appears while it waits, and returns when the gateway stops."""
    stop = threading.Event()
    thread = threading.Thread(target=watched.reader.run, args=(stop,))
    thread.start()
    write(watched.path / "a.csv", 1)
    deadline = time.monotonic() + 60
    while not watched.values():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


def test_a_missing_folder_is_an_error(watched):
    watched.path.rmdir()
    with pytest.raises(Exception, match="is not a folder"):
        watched.reader.run(threading.Event())
