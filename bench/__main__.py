"""Runs the figures and writes `bench/results/latest.json` and the table in `bench/README.md`.

Each module `bench/<name>.py` with a function `run(progress) -> list[Figure]` is one benchmark; `progress(text)` says
what it is doing.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

import bench
from bench import report

SUPPORT = {"__main__", "figure", "report", "route_rivals"}


def names() -> list[str]:
    """Every benchmark, by module name."""
    return sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in SUPPORT)


def main() -> int:
    """Runs the chosen benchmarks; returns 1 where a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", help=f"run one of: {', '.join(names())}")
    chosen = parser.parse_args().only
    if chosen and chosen not in names():
        parser.error(f"no benchmark named {chosen!r}; there are: {', '.join(names())}")
    figures = []
    stolen = {}
    for name in [chosen] if chosen else names():
        print(f"{name} …", file=sys.stderr)
        module = importlib.import_module(f"bench.{name}")
        before = report.cpu_times()
        figures += module.run(lambda text: print(f"  {text}", file=sys.stderr))
        stolen[name] = report.stolen_percent(before, report.cpu_times())
    report.write(figures, stolen, replace_all=chosen is None)
    print(report.table(figures))
    return int(any(figure.reached is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
