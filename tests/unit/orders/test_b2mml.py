"""Orders in JSON, with the names of B2MML."""

from __future__ import annotations

import json

import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.orders.errors import OrdersRejectedError
from chromatrace.orders.importing import OrderFormat


def _material(**members):
    return {
        "MaterialDefinitionID": "EC-300",
        "MaterialUse": "Produced",
        "Quantity": [{"QuantityString": "500", "UnitOfMeasure": "H87"}],
    } | members


def _request(**members):
    request = {
        "ID": "1000471",
        "StartTime": "2026-12-01T06:00:00+01:00",
        "EndTime": "2026-12-04T14:00:00+01:00",
        "SegmentRequirement": [
            {"MaterialRequirement": [_material(), {"MaterialDefinitionID": "GLASS", "MaterialUse": "Consumed"}]}
        ],
    }
    return request | members


def _send(office, document):
    return office.send(json.dumps(document), OrderFormat.JSON)


@pytest.mark.parametrize(
    "document",
    [
        {"OperationsSchedule": {"ID": "S1", "OperationsRequest": [_request()]}},
        {"OperationsRequest": _request(ID={"value": "1000471"})},
        {"ProcessOperationsSchedule": {"DataArea": {"OperationsSchedule": [{"OperationsRequest": [_request()]}]}}},
        {
            "ProductionSchedule": {
                "ProductionRequest": [
                    _request(SegmentRequirement={"MaterialProducedRequirement": _material(MaterialUse="Produced")})
                ]
            }
        },
        {
            "orders": [
                {
                    "order": "1000471",
                    "material": "EC-300",
                    "quantity": 500,
                    "start": "2026-12-01T05:00:00Z",
                    "finish": "2026-12-04T13:00:00Z",
                }
            ]
        },
    ],
    ids=["operations", "one request", "envelope", "production", "plain"],
)
def test_every_form_gives_the_same_order(office, document):
    assert len(_send(office, document).created) == 1
    order = office.store.get("1000471").order.as_dict()
    assert order == {
        "order": "1000471",
        "material": "EC-300",
        "gtin": "09521234543213",
        "quantity": 500,
        "start": "2026-12-01T05:00:00Z",
        "finish": "2026-12-04T13:00:00Z",
        "status": "released",
        "lot": None,
    }


AT = "/OperationsSchedule/OperationsRequest/0"
MATERIAL_AT = f"{AT}/SegmentRequirement/0/MaterialRequirement/0"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (_request(EndTime="2026-11-01"), f"{AT}/EndTime"),
        (_request(RequestState="Sometime"), f"{AT}/RequestState"),
        (_request(SegmentRequirement=[]), f"{AT}/SegmentRequirement"),
        (
            _request(SegmentRequirement=[{"MaterialRequirement": [_material(MaterialDefinitionID="X")]}]),
            f"{MATERIAL_AT}/MaterialDefinitionID",
        ),
        (
            _request(SegmentRequirement=[{"MaterialRequirement": [_material(Quantity={"QuantityString": "-1"})]}]),
            f"{MATERIAL_AT}/Quantity/QuantityString",
        ),
        (_request(ID=[1]), f"{AT}/ID"),
    ],
    ids=["end", "state", "no product", "product", "quantity", "type"],
)
def test_an_error_names_the_member(office, request_, field):
    with pytest.raises(InvalidInput) as raised:
        _send(office, {"OperationsSchedule": {"OperationsRequest": [request_]}})
    assert raised.value.field == field
    assert office.store.count() == 0


def test_an_error_names_the_position_of_the_order(office):
    orders = [{"order": str(n), "material": "EC-300", "quantity": 1, "start": "2026-12-01"} for n in range(2)]
    orders[0]["finish"] = "2026-12-02"
    with pytest.raises(OrdersRejectedError) as raised:
        _send(office, {"orders": orders})
    assert [(error.row, error.field) for error in raised.value.errors] == [(2, "/orders/1/finish")]


@pytest.mark.parametrize("document", [[], {}, {"orders": 1}, {"orders": [{"order": "1", "colour": "red"}]}], ids=str)
def test_a_document_without_orders_is_an_error(office, document):
    with pytest.raises(InvalidInput):
        _send(office, document)
