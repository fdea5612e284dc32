"""The sections of a plant file that have a module of their own."""

from __future__ import annotations

from typing import Any

from chromatrace.plant.alarm_settings import ALARMS
from chromatrace.plant.chart_plans import CHARTS
from chromatrace.plant.design_plan import DESIGN
from chromatrace.plant.disposition_rules import DISPOSITIONS
from chromatrace.plant.erp import ERP
from chromatrace.plant.forecast_plans import FORECASTS
from chromatrace.plant.maintenance_plans import MAINTENANCE
from chromatrace.plant.names import Section
from chromatrace.plant.program_plans import PROGRAMS
from chromatrace.plant.proposal_rules import PROPOSALS
from chromatrace.plant.sampling_plans import SAMPLING_PLANS
from chromatrace.plant.twin_options import TWIN

SECTIONS: tuple[Section[Any], ...] = (
    ERP,
    ALARMS,
    DESIGN,
    CHARTS,
    DISPOSITIONS,
    FORECASTS,
    MAINTENANCE,
    PROGRAMS,
    PROPOSALS,
    SAMPLING_PLANS,
    TWIN,
)
"""To add a section, add its `Section` here, and document its keys in docs/plant-file.md."""
