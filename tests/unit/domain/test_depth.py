"""A hostile document must not end the process, whatever some package did to the recursion limit."""

import subprocess
import sys

import pytest

HOSTILE = """
import sys
sys.setrecursionlimit(200_000)
from chromatrace.domain.errors import InvalidInput
from {module} import {parse}
for data in (b"[" * 150_000, b'{{"a":' + b"[" * 150_000):
    try:
        {parse}(data)
    except InvalidInput as refusal:
        print(refusal)
"""


@pytest.mark.parametrize(
    ("module", "parse"),
    [("chromatrace.storage.strict_json", "parse_any_object"), ("chromatrace.epcis.document", "read_json")],
)
def test_deep_nesting_is_refused(module, parse):
    script = HOSTILE.format(module=module, parse=parse)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("nested more than 1,024 deep") == 2
