"""Test which lots may get labels."""

from dataclasses import dataclass

import pytest

from chromatrace.domain.errors import Conflict
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import BatchState
from chromatrace.services.labelling import NOT_RELEASED, label_notice

KEY = BatchKey.parse("09521234543213", "L1")
WITHDRAWN = {BatchState.STOPPED, BatchState.RECYCLED, BatchState.SCRAPPED}


@dataclass
class Batch:
    state: BatchState
    recalled: bool = False
    on_hold: bool = False


@pytest.mark.parametrize("state", list(BatchState))
def test_labels_of_each_state(state):
    with pytest.raises(Conflict, match="is recalled"):
        label_notice(KEY, Batch(state, recalled=True))
    if state in WITHDRAWN:
        with pytest.raises(Conflict, match=state.name.lower()):
            label_notice(KEY, Batch(state))
    else:
        assert label_notice(KEY, Batch(state)) == ("" if state is BatchState.RELEASED else NOT_RELEASED)
        assert label_notice(KEY, Batch(state, on_hold=True)) == NOT_RELEASED
