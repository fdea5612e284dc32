"""Text that must not be in the repository, and the requirement files."""

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
    ("content", "pattern"),
    [
        ("a registry host", r"registry\.npmjs\.org|pypi\.org/simple|files\.pythonhosted\.org|deb\.debian\.org"),
        ("a private key file", r"-----BEGIN (EC |RSA |)PRIVATE KEY-----"),
    ],
)
def test_no_file_contains_it(content, pattern):
    own = str(Path(__file__).relative_to(ROOT))
    assert [name for name, text in texts() if name != own and re.search(pattern, text)] == [], content


@pytest.mark.parametrize("source", sorted(ROOT.glob("requirements*.in")), ids=lambda source: source.stem)
def test_every_requirement_is_pinned_and_hashed(source):
    lines = source.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    packages = [index for index, line in enumerate(lines) if re.match(r"[a-z0-9]", line)]
    assert packages
    for index in packages:
        assert "==" in lines[index], lines[index]
        assert "--hash=sha256:" in lines[index + 1], lines[index]


def test_the_packages_of_the_design_card_are_required():
    requirements = "".join((ROOT / f"requirements{name}.in").read_text(encoding="utf-8") for name in ("", "-brownie"))
    for package in ("web3", "py-solc-x", "eth-brownie", "eth-account", "qrcode", "flask", "pytest"):
        assert re.search(rf"^{package}\b", requirements, re.MULTILINE), package
