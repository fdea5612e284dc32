"""The worked example of BPDMS: a contract for two products that passes through six departments."""

from __future__ import annotations

DRAWING = "0x" + "ab" * 32

CONTRACT = {
    "schema": "chromatrace.record/sales.contract-order/1",
    "contract_id": "C-2026-001",
    "name": "Two gear units",
    "customer": "Example Windows",
    "products": [{"product_id": "P-1", "quantity": 2}, {"product_id": "P-2", "quantity": 1}],
}


def story(product="P-1"):
    """Return the documents of a product that follow `CONTRACT`, in the order of the departments."""
    number = product[-1]
    drawing, order = f"D-{number}", f"W-{number}"
    components = [f"K-{number}1", f"K-{number}2"]
    return [
        {
            "schema": "chromatrace.record/product-design.design/1",
            "product_id": product,
            "drawing_id": drawing,
            "drawing_file": DRAWING,
            "process_route": ["mill", "grind", "assemble"],
            "contract_id": "C-2026-001",
        },
        {
            "schema": "chromatrace.record/production-management.work-order/1",
            "work_order_id": order,
            "schedule": "week 14",
            "planned_completion": "2026-04-10T16:00:00Z",
            "kind": "processing",
            "product_id": product,
            "contract_id": "C-2026-001",
            "drawing_id": drawing,
        },
        *(
            {
                "schema": "chromatrace.record/discrete-processing.component/1",
                "component_id": component,
                "line_id": "L-2",
                "workers": ["worker 7"],
                "processing_route": ["mill", "grind"],
                "route_signature": "0x" + "0c" * 48,
                "work_order_id": order,
                "product_id": product,
            }
            for component in components
        ),
        {
            "schema": "chromatrace.record/assembly-line.assembly/1",
            "component_ids": components,
            "workers": ["worker 3", "worker 4"],
            "process_description": "pressed and bolted",
            "completion_time": "2026-04-09T11:00:00Z",
            "work_order_id": order,
            "product_id": product,
        },
        {
            "schema": "chromatrace.record/quality-inspection.inspection/1",
            "inspector": "inspector 2",
            "time": "2026-04-09T15:00:00Z",
            "result": "pass",
            "product_id": product,
        },
    ]
