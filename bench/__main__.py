"""Run the benchmarks; write `bench/results/latest.json` and the table in `bench/README.md`.

Each module `bench/<name>.py` with a function `run(progress) -> list[Figure]` is a benchmark. `progress` prints a line.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

import bench
from bench import report

SUPPORT = {"__main__", "broker", "epcis_index", "figure", "report", "route_baselines"}


def names() -> list[str]:
    """Return the names of the benchmarks, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in SUPPORT)


def main() -> int:
    """Run the selected benchmarks; return 1 if a figure misses its target."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", help=f"run one benchmark: {', '.join(names())}")
    selected = parser.parse_args().only
    if selected and selected not in names():
        parser.error(f"unknown benchmark {selected!r}; use one of: {', '.join(names())}")
    figures = []
    stolen = {}
    for name in [selected] if selected else names():
        print(f"{name} …", file=sys.stderr)
        module = importlib.import_module(f"bench.{name}")
        before = report.cpu_times()
        figures += module.run(lambda text: print(f"  {text}", file=sys.stderr))
        stolen[name] = report.stolen_percent(before, report.cpu_times())
    report.write(figures, stolen, replace_all=selected is None)
    print(report.table(figures))
    return int(any(figure.reached is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
