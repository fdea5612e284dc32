"""The installed package brings what it imports: no import relies on a tool that only a checkout has."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(requirements, extras=("",)):
    for each in map(Requirement, requirements):
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras):
            yield plain(each.name), ("", *each.extras)


def test_every_import_is_a_declared_dependency_or_comes_with_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting, brought = list(needed(project["dependencies"])), set()
    while waiting:
        one = waiting.pop()
        if one not in brought:
            brought.add(one)
            waiting += needed(requires(one[0]) or (), one[1])
    names = {name for name, _ in brought}
    owners = {module: {plain(owner) for owner in found} for module, found in packages_distributions().items()}
    ours = {"chromatrace", "app", *sys.stdlib_module_names}
    missing = {
        f"{module} in {path.relative_to(ROOT)}"
        for package in ("chromatrace", "app")
        for path in (ROOT / package).rglob("*.py")
        for module in imported(path) - ours
        if not owners.get(module, set()) & names
    }
    assert missing == set()


def imported(path):
    tops = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            tops.add(node.module.partition(".")[0])
    return tops
