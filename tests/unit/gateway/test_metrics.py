"""The page of the gateway names each metric that it describes as it is served."""

import re
from pathlib import Path

from chromatrace.gateway.metrics import metrics_text

PAGE = Path(__file__).resolve().parents[3] / "docs" / "gateway.md"


def test_the_metrics_of_the_page_are_served():
    table = PAGE.read_text(encoding="utf-8").partition("| metric | use |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if "|" in row]
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert len(names) > 15
    served = metrics_text({"sources": [], "channels": [], "dead_letters": []}).decode()
    missing = {name for name in names if f"# TYPE chromatrace_gateway_{name} " not in served}
    assert missing == set()
