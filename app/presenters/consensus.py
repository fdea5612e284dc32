"""Inspector panels: each inspector's capability over time, and the rounds with their dissent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.presenters.plots import HEIGHT, WIDTH
from chromatrace.index.views import InspectorView, PanelView, RoundView, SeatView
from chromatrace.quality.rules import Weighing, weighing_name

_MARGIN = 4


@dataclass(frozen=True, slots=True)
class CapabilityHistory:
    """One inspector. `points` is an SVG points list on the panel's common scale from 0 to `PanelPresenter.top`."""

    inspector: InspectorView
    points: str
    area: str

    @property
    def change(self) -> float:
        """The total change in capability, from -1 to 1."""
        return self.inspector.capabilities[-1] - self.inspector.capabilities[0]

    @property
    def summary(self) -> str:
        """The text alternative of the plot."""
        values = self.inspector.capabilities
        return f"inspector {self.inspector.number}: capability from {values[0]:.2f} to {values[-1]:.2f}"


@dataclass(frozen=True, slots=True)
class SeatAnswer:
    """The answer of one seat of a round. A dissenting answer is outside the winning group."""

    inspector: int
    text: str
    dissents: bool


@dataclass(frozen=True, slots=True)
class RoundPresenter:
    """One round. `outcome` is the winning state, or the phase of an undecided round."""

    view: RoundView
    subject: str
    outcome: str
    answers: tuple[SeatAnswer, ...]


@dataclass(frozen=True, slots=True)
class PanelPresenter:
    """One panel. `top` is the highest capability plotted."""

    name: str
    rule: str
    top: float
    histories: tuple[CapabilityHistory, ...]
    rounds: tuple[RoundPresenter, ...]


@dataclass(frozen=True, slots=True)
class RoundDecision:
    """How a round gave a verdict: the revealed answers, by seat."""

    view: RoundView
    answers: tuple[SeatAnswer, ...]

    @property
    def summary(self) -> str:
        """The number of inspectors and of dissenting answers."""
        dissent = sum(answer.dissents for answer in self.answers)
        result = "unanimous" if not dissent else f"{dissent} dissenting"
        return f"{len(self.answers)} inspectors selected by the contract, with sealed answers; {result}"

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {
            "round": f"0x{self.view.id.hex()}",
            "score": self.view.score,
            "answers": [
                {"inspector": answer.inspector, "answer": answer.text, "dissents": answer.dissents}
                for answer in self.answers
            ],
        }


def round_decision(
    rounds: Iterable[RoundView], tx_hash: bytes, states: Mapping[int, tuple[str, ...]]
) -> RoundDecision | None:
    """Return the round that gave the verdict of a transaction. `states` maps each panel to its state names."""
    for view in rounds:
        if view.decides_verdict and view.phase == "decided" and view.changed.tx_hash == tx_hash:
            names = states.get(view.panel, ())
            revealed = [seat for seat in view.seats if seat.state is not None and seat.state < len(names)]
            return RoundDecision(view, tuple(_answer(names, view, seat) for seat in revealed))
    return None


def present_panel(panel: PanelView, name: str, rounds: tuple[RoundView, ...]) -> PanelPresenter:
    """Return a panel with the given rounds."""
    top = max((value for inspector in panel.inspectors for value in inspector.capabilities), default=0.0) or 1.0
    return PanelPresenter(
        name=name,
        rule=_rule(panel),
        top=top,
        histories=tuple(_history(inspector, top) for inspector in panel.inspectors),
        rounds=tuple(_round(panel, view) for view in rounds),
    )


def _rule(panel: PanelView) -> str:
    if panel.rule is None:
        return "No consensus rule is set"
    weighing = weighing_name(Weighing(panel.rule["weighing"]))
    threshold = panel.rule["threshold"] / 10_000
    return (
        f"{panel.rule['minimum']} to {panel.rule['maximum']} inspectors answer {' or '.join(panel.states)}; "
        f"weighting: {weighing}; decision threshold: {threshold:g}"
    )


def _history(inspector: InspectorView, top: float) -> CapabilityHistory:
    values = inspector.capabilities if len(inspector.capabilities) > 1 else inspector.capabilities * 2
    step = WIDTH / (len(values) - 1)
    height = HEIGHT - 2 * _MARGIN
    points = " ".join(
        f"{index * step:.1f},{HEIGHT - _MARGIN - value / top * height:.1f}" for index, value in enumerate(values)
    )
    return CapabilityHistory(inspector, points, f"0,{HEIGHT} {points} {WIDTH},{HEIGHT}")


def _round(panel: PanelView, view: RoundView) -> RoundPresenter:
    outcome = view.phase if view.state is None else panel.states[view.state]
    answers = tuple(_answer(panel.states, view, seat) for seat in view.seats)
    return RoundPresenter(view, f"0x{view.subject.hex()}", outcome, answers)


def _answer(states: tuple[str, ...], view: RoundView, seat: SeatView) -> SeatAnswer:
    text = seat.status if seat.state is None else states[seat.state]
    return SeatAnswer(seat.inspector, text, seat in view.dissent)
