"""Only `chromatrace.storage.files` writes files that must survive a failure."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXCEPTIONS = {
    "chromatrace/storage/files.py": "the implementation",
    "chromatrace/chain/dev_node.py": "a log that is deleted with its process",
    "chromatrace/cli/output.py": "standard output, redirected after a broken pipe",
    "chromatrace/demo/goods.py": "the demonstration's folder, emptied at each start",
    "chromatrace/demo/panel.py": "the demonstration's folder, emptied at each start",
    "chromatrace/services/processes.py": "a log of a process",
}


def writes_files(path):
    """Return whether the module opens a file for writing, or writes one by its path."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        constants = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
        if name in ("write_bytes", "write_text") or (
            name in ("open", "fdopen")
            and any(isinstance(mode, str) and mode[:1] in ("w", "x", "a") and len(mode) < 4 for mode in constants)
        ):
            return True
    return False


def test_no_other_module_writes_files():
    writers = {
        str(path.relative_to(ROOT))
        for folder in ("chromatrace", "app")
        for path in (ROOT / folder).rglob("*.py")
        if writes_files(path)
    }
    assert writers == set(EXCEPTIONS)
