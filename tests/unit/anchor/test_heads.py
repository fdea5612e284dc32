"""Test the store of heads."""

import pytest

from chromatrace.anchor import HeadStore, TreeHead
from chromatrace.anchor.errors import (
    HeadConflictError,
    HeadsCorruptError,
    HeadsUnavailableError,
)
from chromatrace.domain.errors import InvalidInput


def test_recorded_head_is_never_replaced():
    store = HeadStore()
    head = TreeHead("line", 10, b"\1" * 32, 5, 6)
    store.record(head)
    store.record(head)
    for other in (
        TreeHead("line", 10, b"\2" * 32, 5, 6),
        TreeHead("line", 10, b"\1" * 32, 4, 6),
        TreeHead("line", 9, b"\3" * 32, 5, 6),
    ):
        with pytest.raises(HeadConflictError) as error:
            store.record(other)
        assert error.value.field == "size"
    store.record(TreeHead("other", 9, b"\3" * 32, 5, 6))
    assert store.last("line") == head
    assert (store.covering("line", 9), store.covering("line", 10), store.covering("line", 0, published=True)) == (
        head,
        None,
        None,
    )
    store.mark_published(head)
    assert store.covering("line", 0, published=True) == head
    assert store.unpublished() == [TreeHead("other", 9, b"\3" * 32, 5, 6)]
    assert store.at("line", 9) is None


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"size": 0}, "size"),
        ({"root": b"short"}, "root"),
        ({"first_time_ns": 0}, "first_time_ns"),
        ({"last_time_ns": 4}, "first_time_ns"),
    ],
)
def test_invalid_heads_are_rejected(changed, field):
    arguments = {"channel": "line", "size": 1, "root": b"\1" * 32, "first_time_ns": 5, "last_time_ns": 6}
    with pytest.raises(InvalidInput) as error:
        TreeHead(**(arguments | changed))
    assert error.value.field == field


def test_unusable_file_is_reported(tmp_path):
    (tmp_path / "log.db").write_bytes(b"not a database" * 100)
    with pytest.raises(HeadsCorruptError):
        HeadStore(tmp_path / "log.db")
    with pytest.raises(HeadsUnavailableError):
        HeadStore(tmp_path / "absent" / "log.db")
