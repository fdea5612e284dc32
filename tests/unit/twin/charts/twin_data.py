"""Data of a simulated line: ten tags that follow four correlated causes."""

import numpy as np

from chromatrace.storage.strict_json import Digest
from chromatrace.twin.charts import TrainingOptions, Window, train

TAGS = [f"T{number}" for number in range(10)]
PCA = TrainingOptions("pca", 4)
CVA = TrainingOptions("cva", 5, 2)


def line(seed, rows=600):
    """Return rows of the line in control."""
    random = np.random.default_rng(seed)
    causes = random.normal(size=(rows + 50, 4))
    for row in range(1, len(causes)):
        causes[row] += 0.6 * causes[row - 1]
    mixing = np.random.default_rng(99).normal(size=(4, len(TAGS)))
    return 100 + (causes @ mixing)[50:] + 0.3 * random.normal(size=(rows, len(TAGS)))


def window(rows, name="normal"):
    return Window(name, 0, len(rows) - 1, Digest(bytes(32)))


def trained(options, rows=None, limits=None, **more):
    """Return a model of the line."""
    rows = line(1) if rows is None else rows
    limits = line(2, 1500) if limits is None else limits
    return train(TAGS, rows, window(rows), limits, window(limits, "more"), options, **more)
