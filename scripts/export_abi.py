"""Writes the ABIs of the deployed contracts from the build into chromatrace/ethereum/abi; `--check` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "contracts"
TARGET = ROOT / "chromatrace" / "ethereum" / "abi"
CONTRACTS = (
    "Consortium",
    "BatchRegistry",
    "InspectionLedger",
    "CustodyLedger",
    "ProcessLedger",
    "RouteVerifier",
    "QualityConsensus",
)


def generated(name: str) -> str:
    """The ABI file of one contract, as text."""
    built = BUILD / f"{name}.json"
    if not built.exists():
        built = BUILD / f"I{name}.json"
    return json.dumps(json.loads(built.read_text(encoding="utf-8"))["abi"], indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Writes or checks every file; returns 1 where one is stale."""
    stale = []
    for name in CONTRACTS:
        path = TARGET / f"{name}.json"
        text = generated(name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        print(f"stale ABIs: {', '.join(stale)}; run `make abi`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
