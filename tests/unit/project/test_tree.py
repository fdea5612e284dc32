"""What must not stand in the tree."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")


def texts():
    for name in filter(None, FILES):
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".pdf"}:
            yield name, path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a registry host", r"registry\.npmjs\.org|pypi\.org/simple|files\.pythonhosted\.org|deb\.debian\.org"),
        ("a private key file", r"-----BEGIN (EC |RSA |)PRIVATE KEY-----"),
    ],
)
def test_does_not_stand_in_the_tree(what, pattern):
    own = str(Path(__file__).relative_to(ROOT))
    assert [name for name, text in texts() if name != own and re.search(pattern, text)] == [], what


def test_every_requirement_is_pinned_and_hashed():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    packages = [place for place, line in enumerate(lines) if re.match(r"[a-z0-9]", line)]
    assert len(packages) > 50
    for place in packages:
        assert "==" in lines[place], lines[place]
        assert "--hash=sha256:" in lines[place + 1], lines[place]


def test_the_owners_packages_are_required():
    chosen = (ROOT / "requirements.in").read_text(encoding="utf-8")
    for package in ("web3", "py-solc-x", "eth-brownie", "eth-account", "qrcode", "flask", "pytest"):
        assert re.search(rf"^{package}\b", chosen, re.MULTILINE), package
