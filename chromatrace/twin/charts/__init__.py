"""Control charts of one tag and of all tags together.

One tag: `TagChart` (individuals, moving range, run rules, EWMA, CUSUM), `SubgroupChart` (X-bar and R), `capability`.
All tags: `train` fits a `Model` (PCA or CVA), and `Monitor` applies it row by row.
"""

from chromatrace.twin.charts.capability import Capability, capability
from chromatrace.twin.charts.individuals import TagLimits
from chromatrace.twin.charts.model import Model, Window
from chromatrace.twin.charts.monitor import Alarm, Monitor, RowResult
from chromatrace.twin.charts.subgroups import SubgroupChart, SubgroupLimits
from chromatrace.twin.charts.tag_chart import TableChart, TagChart
from chromatrace.twin.charts.training import TrainingOptions, train

__all__ = [
    "Alarm",
    "Capability",
    "Model",
    "Monitor",
    "RowResult",
    "SubgroupChart",
    "SubgroupLimits",
    "TableChart",
    "TagChart",
    "TagLimits",
    "TrainingOptions",
    "Window",
    "capability",
    "train",
]
