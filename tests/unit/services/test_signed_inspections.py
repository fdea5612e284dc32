"""Signed results of one inspector."""

import json

import pytest

from chromatrace.crypto.eip712 import Inspection
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.services.inspections import read_signed, signed_document


def document(verdict, sample_size, defects):
    batch = BatchKey.parse("09521234500025", "K-118").batch_id
    digest, inspector = b"\4" * 32, "0x" + "3d" * 20
    inspection = Inspection(
        batch, Stage.FINAL, verdict, 1, sample_size, defects, digest, digest, 1_790_000_000, inspector, 0, 1_790_086_400
    )
    signed = signed_document(inspection, b"\1" * 65)
    return json.loads(json.dumps(signed, default=lambda value: "0x" + bytes(value).hex()))


@pytest.mark.parametrize(("verdict", "sample_size", "defects"), [(Verdict.PASS, 6, 0), (Verdict.FAIL, 6, 6)])
def test_a_signed_result_is_read_back(verdict, sample_size, defects):
    result, signature = read_signed(document(verdict, sample_size, defects))
    assert (result.verdict, result.sample_size, result.defects, signature) == (
        verdict,
        sample_size,
        defects,
        b"\1" * 65,
    )


@pytest.mark.parametrize(("verdict", "sample_size", "defects"), [(Verdict.PASS, 6, 6), (Verdict.FAIL, 6, 7)])
def test_a_result_that_contradicts_itself_is_rejected(verdict, sample_size, defects):
    with pytest.raises(InvalidInput) as caught:
        read_signed(document(verdict, sample_size, defects))
    assert caught.value.field == "defects"
