"""Size of the deployed code: below the limit of EIP-170, and as recorded in gas.json (update as in test_gas.py)."""

import json
import os
from pathlib import Path

import pytest
from brownie import project

from scripts.export_abi import CONTRACTS

RECORDED = Path(__file__).with_name("gas.json")
EIP_170_BYTES = 24_576
TOLERANCE = 0.005


def measured():
    built = project.get_loaded_projects()[0]
    return {name: len(built[name]._build["deployedBytecode"].removeprefix("0x")) // 2 for name in CONTRACTS}


def test_code_sizes():
    sizes = measured()
    if os.environ.get("CHROMATRACE_UPDATE_GAS"):
        figures = json.loads(RECORDED.read_text(encoding="utf-8"))
        RECORDED.write_text(json.dumps(figures | {"bytes": sizes}, indent=2) + "\n", encoding="utf-8")
    assert max(sizes.values()) <= EIP_170_BYTES
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["bytes"]
    assert sizes == pytest.approx(recorded, rel=TOLERANCE), "see the docstring of test_gas.py to update"
