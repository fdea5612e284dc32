"""Test the encrypted streams: every change is detected, and the program age reads them."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import threading

import pytest

from chromatrace.records.errors import ContentCorruptError
from chromatrace.records.sealing import CHUNK, new_identity, seal, unseal

AGE_CHUNK = 64 * 1024


def sealed(plain, identity):
    return b"".join(seal(io.BytesIO(plain), identity))


def opened(data, identity):
    return b"".join(unseal(io.BytesIO(data), identity))


@pytest.mark.parametrize("size", [0, 1, AGE_CHUNK - 1, AGE_CHUNK, AGE_CHUNK + 1, CHUNK, 3 * CHUNK + 5])
def test_plaintext_of_any_size_is_returned(size):
    identity, plain = new_identity(), random.Random(size).randbytes(size)
    data = sealed(plain, identity)
    assert data.startswith(b"age-encryption.org/v1\n")
    assert plain not in data or not plain
    assert opened(data, identity) == plain


def test_source_with_short_reads():
    class ShortReads:
        def __init__(self, data):
            self._data = io.BytesIO(data)

        def read(self, size):
            return self._data.read(min(size, 777))

    identity, plain = new_identity(), random.Random(1).randbytes(100_000)
    data = b"".join(seal(ShortReads(plain), identity))
    assert b"".join(unseal(ShortReads(data), identity)) == plain


def test_every_changed_or_missing_byte_is_detected():
    """Every bit of the header and the first chunk, and random changes of a longer stream."""
    identity, generator = new_identity(), random.Random(2)
    short = sealed(b"a drawing", identity)
    changes = [
        short[:index] + bytes([short[index] ^ 1 << generator.randrange(8)]) + short[index + 1 :]
        for index in range(len(short))
    ]
    changes += [short[:index] for index in range(len(short))]
    changes += [short + b"\0", b"", short + short, short[1:]]
    for changed in changes:
        with pytest.raises(ContentCorruptError):
            opened(changed, identity)


@pytest.mark.parametrize(
    "order",
    [[0, 1], [1, 0, 2], [0, 0, 1, 2], [0, 2], [2], [], [0, 1, 2, 2]],
    ids=["truncated", "swapped", "repeated", "omitted", "last only", "empty", "extended"],
)
def test_reordered_chunks_are_rejected(order):
    identity = new_identity()
    data = sealed(bytes(2 * AGE_CHUNK + 100), identity)
    body = len(data) - 2 * (AGE_CHUNK + 16) - 116
    header, payload = data[:body], data[body:]
    chunks = [payload[start : start + AGE_CHUNK + 16] for start in range(0, len(payload), AGE_CHUNK + 16)]
    assert opened(header + b"".join(chunks), identity) == bytes(2 * AGE_CHUNK + 100)
    with pytest.raises(ContentCorruptError):
        opened(header + b"".join(chunks[index] for index in order), identity)


def test_error_of_the_source_is_raised():
    class UnpluggedError(Exception):
        pass

    class Failing:
        def read(self, size):
            raise UnpluggedError

    with pytest.raises(UnpluggedError):
        list(seal(Failing(), new_identity()))
    with pytest.raises(UnpluggedError):
        list(unseal(Failing(), new_identity()))


def test_abandoned_streams_leave_no_thread():
    identity = new_identity()
    data = sealed(bytes(40 * CHUNK), identity)
    for _ in range(5):
        stream = unseal(io.BytesIO(data), identity)
        assert next(stream)
        stream.close()
        stream = seal(io.BytesIO(bytes(40 * CHUNK)), identity)
        assert next(stream)
        stream.close()
    assert "age" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.skipif(shutil.which("age") is None, reason="the program age is not installed")
def test_program_age_decrypts_a_stream(tmp_path):
    identity, plain = new_identity(), random.Random(3).randbytes(200_000)
    (tmp_path / "key").write_text(identity + "\n")
    (tmp_path / "content.age").write_bytes(sealed(plain, identity))
    command = ["age", "-d", "-i", str(tmp_path / "key"), str(tmp_path / "content.age")]
    assert subprocess.run(command, capture_output=True, check=True, timeout=60).stdout == plain
