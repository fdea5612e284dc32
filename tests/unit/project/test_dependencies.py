"""The installed package declares what it imports."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from chromatrace import studies
from chromatrace.domain.errors import Unavailable

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STUDIES = ROOT / "chromatrace" / "studies"

_IMPORT_WITHOUT_EXTRA = """
import sys
from pathlib import Path

sys.modules |= dict.fromkeys(sys.argv[1:])
for package in ("chromatrace", "app"):
    for path in sorted(Path(package).rglob("*.py")):
        module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        if "studies" not in path.parts and "migrations" not in path.parts and path.stem != "__main__":
            __import__(module)
"""


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def required(requirements, extras=("",)):
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield normalised(requirement.name), ("", *requirement.extras)


def closure(requirements):
    """Return the names of `requirements` and of all their requirements."""
    pending, seen = list(required(requirements)), set()
    while pending:
        name, extras = pending.pop()
        if (name, extras) not in seen:
            seen.add((name, extras))
            pending += required(requires(name) or (), extras)
    return {name for name, _ in seen}


def imports(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return names - {"chromatrace", "app", "_typeshed", *sys.stdlib_module_names}


def test_every_import_is_a_declared_dependency():
    base = closure(PROJECT["dependencies"])
    extra = closure(PROJECT["optional-dependencies"]["studies"])
    distributions = {module: set(map(normalised, names)) for module, names in packages_distributions().items()}
    missing = {
        f"{module} in {path.relative_to(ROOT)}"
        for package in ("chromatrace", "app")
        for path in (ROOT / package).rglob("*.py")
        for module in imports(path)
        if not distributions.get(module, set()) & (base | extra if path.is_relative_to(STUDIES) else base)
    }
    assert missing == set()


def test_everything_but_the_studies_imports_without_their_extra():
    command = [sys.executable, "-c", _IMPORT_WITHOUT_EXTRA, *studies.EXTRA]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_study_names_the_missing_packages(monkeypatch):
    monkeypatch.setattr(studies, "EXTRA", ("no_such_package",))
    with pytest.raises(Unavailable, match="no_such_package"):
        studies.require_extra()


def test_the_extra_is_the_one_that_is_declared():
    assert sorted(name for name, _ in required(PROJECT["optional-dependencies"]["studies"])) == sorted(studies.EXTRA)
