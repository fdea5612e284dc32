"""Files that somebody keeps are written by `chromatrace.storage.files` alone."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
OTHERWISE = {
    "chromatrace/storage/files.py": "the one place",
    "chromatrace/chain/dev_node.py": "a log of a process, gone with it",
    "chromatrace/cli/output.py": "standard output, given away where nobody takes it",
    "chromatrace/cli/demo/__init__.py": "who locks the demonstration's folder",
    "chromatrace/cli/demo/goods.py": "the demonstration's folder, emptied at each start",
    "chromatrace/cli/demo/panel.py": "the demonstration's folder, emptied at each start",
    "app/services/records.py": "a lock, which stays empty",
    "app/api/records/views.py": "an upload, in a temporary folder",
}


def writes(path):
    """Whether it opens a file in place for writing, or writes one by its path."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [
            one.value for one in (*node.args, *(word.value for word in node.keywords)) if isinstance(one, ast.Constant)
        ]
        if name in ("write_bytes", "write_text") or (
            name in ("open", "fdopen")
            and any(isinstance(one, str) and one[:1] in ("w", "x", "a") and len(one) < 4 for one in given)
        ):
            return True
    return False


def test_nothing_else_writes_files():
    found = {
        str(path.relative_to(ROOT))
        for folder in ("chromatrace", "app")
        for path in (ROOT / folder).rglob("*.py")
        if writes(path)
    }
    assert found == set(OTHERWISE)
