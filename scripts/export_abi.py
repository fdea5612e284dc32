"""Write the ABIs of the compiled contracts to chromatrace/ethereum/abi. `--check` only compares them."""

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


def abi_text(name: str) -> str:
    """Return the content of the ABI file of a contract."""
    artifact = BUILD / f"{name}.json"
    return json.dumps(json.loads(artifact.read_text(encoding="utf-8"))["abi"], indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write or check every file. Returns 1 if `--check` finds an outdated one."""
    outdated = []
    for name in CONTRACTS:
        path = TARGET / f"{name}.json"
        text = abi_text(name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            outdated.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if outdated and "--check" in sys.argv:
        print(f"outdated ABIs: {', '.join(outdated)}; run `make abi`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
