"""Every route and every setting stands in docs/portal.md, and nothing else does."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path

from app import PortalConfig, create_app

DOCS = Path(__file__).resolve().parents[3] / "docs" / "portal.md"


def _table(heading):
    section = DOCS.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in rows}


def test_every_route_is_documented(config):
    served = {
        rule.rule: ", ".join(sorted(rule.methods - {"HEAD", "OPTIONS"}))
        for rule in create_app(config).url_map.iter_rules()
    }
    assert {route: cells[0] for route, cells in _table("Routes").items()} == served


def test_every_setting_is_documented():
    settings = _table("Settings")
    assert list(settings) == [
        field.name for field in sorted(fields(PortalConfig), key=lambda field: list(settings).index(field.name))
    ]
    assert set(settings) == {field.name for field in fields(PortalConfig)}
    for field in fields(PortalConfig):
        if field.default is MISSING or field.default is None:
            continue
        said = settings[field.name][0]
        shown = {"max_upload_bytes": "8 MiB", "plot_tags": "none"}.get(field.name, str(field.default))
        assert re.sub("`", "", said).lower() == shown.lower(), field.name
