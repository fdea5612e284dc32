"""The worked example runs, and every number on it holds."""

import doctest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "bpdms-route-ii.md"


def test_page():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 30
    assert not failed
