"""Plans and readings for tests of the twin."""

from chromatrace.twin.plan import NS_PER_S, AlarmSettings, MachinePlan, MachineStatus, TagPlan, TwinPlan

START_NS = 1_760_000_400 * NS_PER_S
"""A full hour."""

STATES = {
    "1": MachineStatus.RUNNING,
    "2": MachineStatus.IDLE,
    "3": MachineStatus.STOPPED,
    "4": MachineStatus.FAULT,
}
SPUTTER = MachinePlan(
    id="sputter-1",
    name="Sputtering chamber 1",
    tags=frozenset({"pressure", "power"}),
    state_tag="state",
    state_values=STATES,
    batch_tag="lot",
    step_tag="step",
    count_tag="count",
    reject_tag="reject",
    ideal_cycle_s=2.0,
)
TAGS = (
    TagPlan("pressure", "Pa", 0.0, 10.0, limit_low=0.5, limit_high=3.0),
    TagPlan("power", "W", 0.0, 1000.0, limit_high=500.0, stale_after_ns=30 * NS_PER_S),
)


def plan(**changes):
    """Return the plan of one sputtering chamber."""
    settings = changes.pop("alarms", AlarmSettings())
    return TwinPlan("line", (SPUTTER,), TAGS, alarms=settings, digest="d", **changes)


def reading(tag, second, value, *, source="sputter-1", quality=0, received=None, unit=""):
    """Return the fields of a reading, `second` seconds after the start."""
    time_ns = START_NS + round(second * NS_PER_S)
    received_ns = time_ns if received is None else START_NS + round(received * NS_PER_S)
    return source, tag, time_ns, received_ns, value, unit, quality, 0, False
