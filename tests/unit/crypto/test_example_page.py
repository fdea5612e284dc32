"""The worked example runs, and every number on it and on the page of the protocol holds."""

import doctest
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "examples" / "bpdms-route-ii.md"


def test_page():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 30
    assert not failed


def test_the_gas_on_the_page_is_the_gas_in_git():
    figures = json.loads((ROOT / "tests" / "contracts" / "process" / "route_gas.json").read_text(encoding="utf-8"))
    many = (figures[f"prove 64 x 8 of {one}"] // 512 for one in ("one batch", "as many batches"))
    told = [*(figures[f"prove {steps}"] for steps in (1, 3, 5, 8, 12)), *many, figures["ECDSA 8"]]
    row = "| | " + " | ".join(f"{gas:,}" for gas in told) + " |"
    assert row in (ROOT / "docs" / "route-proof.md").read_text(encoding="utf-8")
