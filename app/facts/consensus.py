"""Panels of inspectors as a page shows them: capabilities over their rounds, and the rounds with their dissent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.facts.plot import HEIGHT, WIDTH
from chromatrace.index.views import InspectorView, PanelView, RoundView, SeatView
from chromatrace.quality.rules import Weighing, weighing_name

_MARGIN = 4


@dataclass(frozen=True, slots=True)
class Course:
    """One inspector: `points` is an SVG points list over the scale from 0 to `top`, which a panel shares."""

    inspector: InspectorView
    points: str
    area: str

    @property
    def change(self) -> float:
        """What it has learned in all, from -1 to 1."""
        return self.inspector.capabilities[-1] - self.inspector.capabilities[0]

    @property
    def summary(self) -> str:
        """For people who cannot see the drawing."""
        course = self.inspector.capabilities
        return f"inspector {self.inspector.number}: capability from {course[0]:.2f} to {course[-1]:.2f}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One seat of a round in words. `dissents`: outside the winner group."""

    inspector: int
    words: str
    dissents: bool


@dataclass(frozen=True, slots=True)
class RoundFacts:
    """A round in words: `outcome` is the state that won, or how far it is."""

    view: RoundView
    subject: str
    outcome: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class PanelFacts:
    """A panel: `top` is the highest capability drawn."""

    name: str
    rule: str
    top: float
    courses: tuple[Course, ...]
    rounds: tuple[RoundFacts, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """How a round gave a verdict: its revealed answers in words, by seat."""

    view: RoundView
    answers: tuple[Answer, ...]

    @property
    def words(self) -> str:
        """Who decided, and with which dissent."""
        dissent = sum(answer.dissents for answer in self.answers)
        against = "all agree" if not dissent else "one dissents" if dissent == 1 else f"{dissent} dissent"
        return f"{len(self.answers)} inspectors drawn by the contract, each answering under seal; {against}"

    def as_dict(self) -> dict[str, object]:
        return {
            "round": f"0x{self.view.id.hex()}",
            "score": self.view.score,
            "answers": [
                {"inspector": answer.inspector, "answer": answer.words, "dissents": answer.dissents}
                for answer in self.answers
            ],
        }


def decision_of(rounds: Iterable[RoundView], tx_hash: bytes, states: Mapping[int, tuple[str, ...]]) -> Decision | None:
    """The round that gave the verdict recorded in a transaction; `states` are the names of states, by panel."""
    for view in rounds:
        if view.decides_verdict and view.phase == "decided" and view.changed.tx_hash == tx_hash:
            names = states.get(view.panel, ())
            revealed = [seat for seat in view.seats if seat.state is not None and seat.state < len(names)]
            return Decision(view, tuple(_answer(names, view, seat) for seat in revealed))
    return None


def panel_facts(panel: PanelView, name: str, rounds: tuple[RoundView, ...]) -> PanelFacts:
    """What the page shows of a panel and these rounds of it."""
    top = max((value for one in panel.inspectors for value in one.capabilities), default=0.0) or 1.0
    return PanelFacts(
        name=name,
        rule=_rule(panel),
        top=top,
        courses=tuple(_course(one, top) for one in panel.inspectors),
        rounds=tuple(_round(panel, view) for view in rounds),
    )


def _rule(panel: PanelView) -> str:
    if panel.rule is None:
        return "no rule is set yet"
    weighing = weighing_name(Weighing(panel.rule["weighing"]))
    threshold = panel.rule["threshold"] / 10_000
    return (
        f"{panel.rule['minimum']} to {panel.rule['maximum']} inspectors answer {' or '.join(panel.states)}; "
        f"{weighing}, won at {threshold:g}"
    )


def _course(inspector: InspectorView, top: float) -> Course:
    course = inspector.capabilities if len(inspector.capabilities) > 1 else inspector.capabilities * 2
    step = WIDTH / (len(course) - 1)
    drawn = HEIGHT - 2 * _MARGIN
    points = " ".join(
        f"{place * step:.1f},{HEIGHT - _MARGIN - value / top * drawn:.1f}" for place, value in enumerate(course)
    )
    return Course(inspector, points, f"0,{HEIGHT} {points} {WIDTH},{HEIGHT}")


def _round(panel: PanelView, view: RoundView) -> RoundFacts:
    outcome = view.phase if view.state is None else panel.states[view.state]
    answers = tuple(_answer(panel.states, view, seat) for seat in view.seats)
    return RoundFacts(view, f"0x{view.subject.hex()}", outcome, answers)


def _answer(states: tuple[str, ...], view: RoundView, seat: SeatView) -> Answer:
    words = seat.status if seat.state is None else states[seat.state]
    return Answer(seat.inspector, words, seat in view.dissent)
