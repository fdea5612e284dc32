"""docs/asvs.md has every level 1 requirement of OWASP ASVS 5.0 once, with evidence that exists."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
LEVEL_1 = re.findall(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \| (.+) \|$", PAGE, re.MULTILINE)
CHAPTERS = {1: 8, 2: 4, 3: 8, 4: 2, 5: 4, 6: 13, 7: 6, 8: 4, 9: 4, 10: 5, 11: 3, 12: 3, 13: 1, 14: 2, 15: 3}
"""Level 1 requirements of each chapter of the standard; chapters 16 and 17 have none."""


def test_every_requirement_of_level_1_has_one_row():
    numbers = [row[0] for row in LEVEL_1]
    assert len(set(numbers)) == len(numbers) == sum(CHAPTERS.values()) == 70
    assert Counter(int(number.split(".")[0]) for number in numbers) == CHAPTERS
    passed = sum(row[2] == "pass" for row in LEVEL_1)
    assert {row[2] for row in LEVEL_1} == {"pass", "not applicable"}
    assert f"{passed} of\n70 requirements pass and {70 - passed} do not apply" in PAGE


@pytest.mark.parametrize(("number", "result", "evidence"), [(row[0], row[2], row[3]) for row in LEVEL_1])
def test_evidence_exists(number, result, evidence):
    named = re.findall(r"`((?:app|chromatrace|tests)/[\w./-]+|pyproject\.toml)(?:::(\w+))?`", evidence)
    links = [target.partition("#") for target in re.findall(r"\]\(([^)]+)\)", evidence)]
    assert named or links or result == "not applicable"
    for path, test in named:
        assert (ROOT / path).exists(), path
        if test:
            functions = ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
            assert test in {node.name for node in functions if isinstance(node, ast.FunctionDef)}, test
    for page, _, section in links:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        headings = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        assert not section or section in headings, section
