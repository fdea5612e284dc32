"""Traces and recall impacts with names, their CSV and drawing, and recall plans."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET

import pytest
from synthetic import GTIN, SyntheticChain, batch_id, registered

from chromatrace.documents.content import BatchContent, ProductDescription, SuppliedMaterial
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.recall_plan import RecallStep
from chromatrace.domain.rights import OrganisationKind
from chromatrace.index.views import Direction
from chromatrace.services.drawing import draw_genealogy
from chromatrace.services.recall import plan_recall
from chromatrace.services.trace import CSV_COLUMNS, recall_impact, trace

REGISTRY, ACCOUNT = "BatchRegistry", "0x" + "01" * 20


@pytest.fixture
def documents(tmp_path):
    return DocumentStore(tmp_path)


@pytest.fixture
def snapshot():
    """Yield a snapshot: batch 0 is used in 1 and 2, both in 3, and 3 in 4.

    Organisation 1 is the producer, 7 holds batch 4, 9 is an authority.
    """
    chain = SyntheticChain()
    chain.blocks([[registered(0)], [registered(1, [0])], [registered(2, [(0, 120)])], [registered(3, [1, 2])]])
    chain.block(registered(4, [3], producer=2))
    organisations = [
        ("Consortium", "OrganisationRegistered", [number, kind, gln, 127, 2**64 - 1, name])
        for number, kind, gln, name in (
            (1, OrganisationKind.MANUFACTURER, 9520000000004, "=Example Glass"),
            (9, OrganisationKind.AUTHORITY, 9520001000003, "Example Authority"),
        )
    ]
    chain.block(
        *organisations,
        (REGISTRY, "CustodyTransferred", [batch_id(4), 1, 7]),
        (REGISTRY, "BatchRecalled", [batch_id(1), batch_id(1), ACCOUNT, "glass"]),
        (REGISTRY, "BatchGraded", [batch_id(3), 60, 0, 40, ACCOUNT]),
    )
    with chain.index.snapshot() as snapshot:
        yield snapshot


def test_recall_impact_sums_batches_and_units_by_holder(snapshot, documents):
    impact = recall_impact(snapshot, documents, snapshot.batch(batch_id(1)))
    assert [(held.holder.organisation, held.batches, held.units, held.recalled) for held in impact.holders] == [
        (1, 2, 160, 1),
        (7, 1, 100, 0),
    ]
    assert [held.holder.name for held in impact.holders] == ["=Example Glass", "organisation 7"]
    assert impact.units == 260
    assert not impact.genealogy.truncated
    limited = recall_impact(snapshot, documents, snapshot.batch(batch_id(0)), max_batches=2)
    assert limited.genealogy.truncated


def test_trace_in_both_directions_names_products_and_supplier_lots(snapshot, documents):
    key = BatchKey.parse(GTIN, "L1")
    material = SuppliedMaterial("film", "Example Film", "F-1")
    content = BatchContent(
        key.gtin, key.lot, ProductDescription("pane"), 100, "2026-03-31T10:00:00Z", None, (material,)
    )
    # All synthetic batches have the same content digest; the document is only that of L1.
    documents.get = lambda digest: content.to_bytes()
    genealogy = trace(snapshot, documents, snapshot.batch(batch_id(1)))
    assert [(traced.direction, str(traced.batch.lot)) for traced in genealogy.batches] == [
        (Direction.BACK, "L1"),
        (Direction.BACK, "L0"),
        (Direction.FORWARD, "L1"),
        (Direction.FORWARD, "L3"),
        (Direction.FORWARD, "L4"),
    ]
    assert {traced.product for traced in genealogy.batches if str(traced.batch.lot) == "L1"} == {"pane"}
    assert {traced.product for traced in genealogy.batches if str(traced.batch.lot) != "L1"} == {""}
    assert genealogy.supplier_lots == [(genealogy.origin, material)]
    texts = [text.text for text in ET.fromstring(draw_genealogy(genealogy)).iter("{http://www.w3.org/2000/svg}text")]
    assert {"L0", "L1", "L3", "L4", "F-1"} <= set(texts)
    assert "21 units overused" in texts


def test_csv_has_every_batch_and_no_formula(snapshot, documents):
    genealogy = trace(snapshot, documents, snapshot.batch(batch_id(0)), [Direction.FORWARD])
    rows = list(csv.DictReader(io.StringIO(genealogy.csv())))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["lot"] for row in rows] == ["L0", "L1", "L2", "L3", "L4"]
    assert {row["holder"] for row in rows} == {"'=Example Glass", "organisation 7"}
    assert (rows[0]["used"], rows[0]["overused"]) == ("121", "True")


@pytest.mark.parametrize(
    ("organisation", "steps", "not_entitled"),
    [
        (1, [(2, 0), (3, 1), (4, 3)], []),
        (2, [(4, None)], [0, 2, 3]),
        (9, [(2, 0), (3, 1), (4, 3)], []),
    ],
)
def test_recall_is_planned_for_the_organisation(snapshot, organisation, steps, not_entitled):
    batches = [snapshot.batch(batch_id(number)) for number in range(5)]
    pending = {batch_id(0)} if organisation != 2 else ()
    recall = plan_recall(snapshot, batches, organisation, pending)
    assert [(step.batch, step.parent) for step in recall.plan.steps] == [
        (batch_id(batch), None if parent is None else batch_id(parent)) for batch, parent in steps
    ]
    assert list(recall.plan.not_entitled) == [batch_id(number) for number in not_entitled]


def test_recall_call_of_a_descendant_carries_its_registered_parts(snapshot):
    recall = plan_recall(snapshot, [snapshot.batch(batch_id(number)) for number in (0, 2)], 1)
    first, second = recall.plan.steps
    assert first == RecallStep(batch_id(0), None)
    assert recall.call(first, "leak").function == "recall"
    call = recall.call(second, "leak")
    assert call.function == "recallDescendants"
    assert recall.parts[batch_id(2)].inputs == (Input(batch_id(0), 120),)
    assert call.args == (batch_id(0), [batch_id(2)], [recall.parts[batch_id(2)].as_struct()], "leak")
