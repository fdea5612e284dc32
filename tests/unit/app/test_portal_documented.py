"""docs/portal.md and the OpenAPI document list exactly the existing routes."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from app import create_app

DOCS = Path(__file__).resolve().parents[3] / "docs" / "portal.md"


def _table(heading):
    section = DOCS.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in rows}


def test_every_route_is_documented(config):
    methods = defaultdict(set)
    for rule in create_app(config).url_map.iter_rules():
        methods[rule.rule] |= rule.methods - {"HEAD", "OPTIONS"}
    served = {rule: ", ".join(sorted(names)) for rule, names in methods.items()}
    assert {route: cells[0] for route, cells in _table("Routes").items()} == served


def test_every_json_route_is_in_openapi_document(config):
    app = create_app(config)
    described = app.test_client().get("/api/v1/openapi.json").json
    served = set()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(("/api/", "/epcis/")) or rule.rule in (
            "/healthz",
            "/readyz",
            "/.well-known/gs1resolver",
        ):
            served |= {(rule.rule, method) for method in rule.methods - {"HEAD", "OPTIONS"}}
    renamed = {
        "/api/v1/batches/{gtin}/{lot}/{serial}": None,
        "/api/v1/batches/{gtin}/{lot}": "/api/v1/batches/<gtin>/<path:rest>",
    }
    converters = {
        "number": "int:number",
        "record": "record:record",
        "epc": "path:epc",
        "order": "path:order",
        "captureID": "identifier",
    }
    documented = set()
    for path, operations in described["paths"].items():
        plain = renamed.get(path, re.sub(r"{(\w+)}", lambda match: f"<{converters.get(match[1], match[1])}>", path))
        documented |= {(plain, method.upper()) for method in operations if plain is not None}
    assert documented == served
