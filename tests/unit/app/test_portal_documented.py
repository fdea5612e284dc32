"""docs/portal.md and the OpenAPI document list exactly the existing routes and settings."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import MISSING, fields
from pathlib import Path

from app import PortalConfig, create_app

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
        if rule.rule.startswith(("/api/", "/epcis/")) or rule.rule in ("/healthz", "/.well-known/gs1resolver"):
            served |= {(rule.rule, method) for method in rule.methods - {"HEAD", "OPTIONS"}}
    renamed = {
        "/api/v1/batches/{gtin}/{lot}/{serial}": None,
        "/api/v1/batches/{gtin}/{lot}": "/api/v1/batches/<gtin>/<path:rest>",
    }
    converters = {"number": "int:number", "record": "record:record", "epc": "path:epc", "captureID": "identifier"}
    documented = set()
    for path, operations in described["paths"].items():
        plain = renamed.get(path, re.sub(r"{(\w+)}", lambda match: f"<{converters.get(match[1], match[1])}>", path))
        documented |= {(plain, method.upper()) for method in operations if plain is not None}
    assert documented == served


def test_every_setting_is_documented():
    settings = _table("Settings")
    assert list(settings) == [
        field.name for field in sorted(fields(PortalConfig), key=lambda field: list(settings).index(field.name))
    ]
    assert set(settings) == {field.name for field in fields(PortalConfig)}
    for field in fields(PortalConfig):
        if field.default is MISSING or field.default is None:
            continue
        default = settings[field.name][0]
        shown = {"max_upload_bytes": "8 MiB", "max_file_bytes": "1 GiB", "plot_tags": "none"}.get(
            field.name, str(field.default)
        )
        assert re.sub("`", "", default).lower() == shown.lower(), field.name
