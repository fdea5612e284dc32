"""Every route has a rule, and every principal is allowed exactly what its rule states.

A sample runs in the suite; `make access-matrix` runs all cells.
"""

from __future__ import annotations

import os
import random

import pytest
from access_matrix import FORMS, Matrix, principals

from chromatrace.plant import example_plant

EVERYTHING = "CHROMATRACE_ACCESS_MATRIX" in os.environ
SAMPLE = 400


@pytest.fixture(scope="module")
def matrix(members):
    matrix = Matrix(members, example_plant("engineer-to-order"))
    yield matrix
    matrix.spool.close()


def test_every_route_has_a_rule(matrix):
    routes = {
        (rule.endpoint, method)
        for rule in matrix.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert routes == {(form.endpoint, form.method) for form in FORMS}
    assert len(FORMS) >= 72
    assert len(principals()) == 45


def test_access_equals_the_rules(matrix):
    cells = matrix.cells()
    if not EVERYTHING:
        # Each form and each principal, and a sample of the rest that is the same in every run.
        chosen = random.Random(13)
        chosen.shuffle(cells)
        seen, first = set(), []
        for cell in cells:
            form, principal = f"{cell[0].method} {cell[0].path}", cell[1].name
            if not {form, principal} <= seen:
                seen |= {form, principal}
                first.append(cell)
        cells = first + cells[:SAMPLE]
    wrong = [problem for cell in cells if (problem := matrix.check(*cell))]
    assert not wrong, f"{len(wrong)} of {len(cells)} cells:\n" + "\n".join(wrong[:40])
