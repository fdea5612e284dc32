"""The worked example runs, and its numbers and those of the protocol page are correct."""

import doctest
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "examples" / "bpdms-route-ii.md"


def test_the_page_runs():
    failed, attempted = doctest.testfile(str(PAGE), module_relative=False)
    assert attempted > 30
    assert not failed


def test_the_gas_on_the_page_is_the_gas_in_git():
    figures = json.loads((ROOT / "tests" / "contracts" / "process" / "route_gas.json").read_text(encoding="utf-8"))
    bulk = (figures[f"prove 64 x 8 of {subjects}"] // 512 for subjects in ("one batch", "as many batches"))
    cells = [*(figures[f"prove {steps}"] for steps in (1, 3, 5, 8, 12)), *bulk, figures["ECDSA 8"]]
    row = "| | " + " | ".join(f"{gas:,}" for gas in cells) + " |"
    assert row in (ROOT / "docs" / "route-proof.md").read_text(encoding="utf-8")
