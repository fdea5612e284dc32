"""The simulation: one SimPy process per workpiece, one event per stay at a workcell.

A workcell serves in the order of arrival, so its queue is a single time: `free[slot]` is when its next visitor can
start. A person has one slot, an AI agent two (assembling, inspecting). A drawn inspector is booked from that moment and
therefore not drawn twice at the same time.
"""

from __future__ import annotations

from collections.abc import Generator
from math import exp
from random import Random
from typing import Any

import simpy

from chromatrace.quality.learning import MIN_ANSWERS, InspectorRecord, learned
from chromatrace.studies.shopfloor.agents import CERTAIN, FAIL, PASS, Kind, quality_drawer, sharpness
from chromatrace.studies.shopfloor.draw import rings
from chromatrace.studies.shopfloor.result import Activity, Decided, RunResult
from chromatrace.studies.shopfloor.setup import InspectionMode, Order, Round, Setup

Process = Generator[simpy.Event, Any, Any]


def simulate(setup: Setup, seed: int, *, record: bool = False) -> RunResult:
    """Run a setup. The same setup and seed give the same result. `record` keeps every round and activity."""
    return ShopFloorRun(setup, seed, record=record).finish()


class Piece:
    """A workpiece: its position, the workcell of its last step, and its finished steps (bits)."""

    __slots__ = ("done", "home", "number", "position")

    def __init__(self, number: int) -> None:
        self.number, self.done, self.position, self.home = number, 0, -1, -1


class OpenInspection:
    """The open inspection of one step of a workpiece."""

    __slots__ = ("add", "answers", "asked", "log_odds", "step")

    def __init__(self, step: int, log_odds: float, opened: Round) -> None:
        self.step, self.log_odds, self.add = step, log_odds, opened.add
        self.asked = 0
        self.answers: list[tuple[int, int]] = []


class ShopFloorRun:
    """One run of a setup: the state that its workpieces share."""

    def __init__(self, setup: Setup, seed: int, *, record: bool = False) -> None:
        self.setup, self.floor, self.result, self.record = setup, setup.floor, RunResult(), record
        self.env = simpy.Environment()
        self.random = Random(seed).random  # noqa: S311 - a simulation
        cells = self.floor.cells
        self.everything = (1 << cells) - 1
        self.travel_s = self.floor.travel_s
        self.free = [0.0] * (2 * cells)
        self.inspection_slot = [cell if setup.kinds[cell] is Kind.HUMAN else cells + cell for cell in range(cells)]
        self.sharpness = [sharpness(value) for value in setup.capabilities]
        self.records = [InspectorRecord()] * cells
        self.weights = [inspector.capability for inspector in self.records] if setup.learn else setup.first_weights()
        self.open_round = setup.round_opener()
        self.rings = rings(self.floor, setup.draw)
        self.draw_quality = quality_drawer(setup.defect_rate, self.random)
        self.on_the_way = [0] * cells
        times = self.floor.times
        self.shortest_s, self.spread_s = times.assembly_s[0], times.assembly_s[1] - times.assembly_s[0]
        self.look_s, self.look_spread_s = times.inspection_s[0], times.inspection_s[1] - times.inspection_s[0]

    def finish(self) -> RunResult:
        """Run until the last workpiece has left."""
        numbers = range(self.setup.workpieces)
        if self.setup.together:
            for number in numbers:
                self.env.process(self._life(number))
        else:
            self.env.process(self._one_by_one(numbers))
        self.env.run()
        self.result.makespan_s = self.env.now
        return self.result

    def _one_by_one(self, numbers: range) -> Process:
        for number in numbers:
            yield from self._life(number)
            if self.setup.learn:
                self.result.learned.append(tuple(inspector.capability for inspector in self.records))

    def _life(self, number: int) -> Process:
        piece = Piece(number)
        if self.setup.inspection is InspectionMode.CONVENTIONAL:
            good = yield from self._conventional(piece)
        elif self.setup.inspection is InspectionMode.OVERLAPPED:
            good = yield from self._overlapped(piece)
        else:
            good = yield from self._step_by_step(piece)
        if good:
            self.result.finished += 1
        else:
            self.result.scrapped += 1

    # Ways of a workpiece through the floor. Each returns True if it was finished, False if it was scrapped.

    def _step_by_step(self, piece: Piece) -> Process:
        """Decide every step before the next one begins."""
        limit, inspect = self.setup.rework_limit, self.setup.inspection is not InspectionMode.NONE
        while piece.done != self.everything:
            step = self._next_step(piece)
            yield from self._go(piece, step)
            attempts = 0
            while True:
                log_odds = self.draw_quality()
                yield from self._assemble(piece, step, inspect)
                if not inspect:
                    break
                outcome = yield from self._inspect(piece, step, log_odds)
                if outcome == PASS or not limit:
                    break
                if attempts == limit:
                    return False
                attempts += 1
                self.result.reworked += 1
                yield from self._return(piece, step)
            piece.done |= 1 << step
        return True

    def _conventional(self, piece: Piece) -> Process:
        """Let each workcell inspect its own step; only a checkpoint repeats a failed step."""
        limit, checkpoints = self.setup.rework_limit, self.floor.checkpoints
        while piece.done != self.everything:
            step = self._next_step(piece)
            yield from self._go(piece, step)
            attempts = 0
            while True:
                log_odds = self.draw_quality()
                yield from self._assemble(piece, step, True)
                answer = self._answer(step, log_odds)
                self._judge(piece, step, [(step, answer)], answer, log_odds)
                if answer == PASS or not limit or step not in checkpoints:
                    break
                if attempts == limit:
                    return False
                attempts += 1
                self.result.reworked += 1
            piece.done |= 1 << step
        return True

    def _overlapped(self, piece: Piece) -> Process:
        """Continue production while the next workcells continue the open inspections."""
        undecided: list[OpenInspection] = []
        attempts = [0] * self.floor.cells
        again: list[int] = []
        while True:
            if again:
                step = again.pop(0)
                if attempts[step] == self.setup.rework_limit:
                    return False
                attempts[step] += 1
                self.result.reworked += 1
                yield from self._return(piece, step)
            elif piece.done != self.everything:
                step = self._next_step(piece)
                yield from self._go(piece, step)
                piece.done |= 1 << step
            elif undecided:
                again = yield from self._visit(
                    piece, self._draw(piece.position, undecided[0].asked, self.env.now), undecided
                )
                continue
            else:
                return True
            again += yield from self._stay(piece, step, undecided)

    # At a workcell.

    def _assemble(self, piece: Piece, step: int, look: bool) -> Process:
        """Do a step and, with `look`, spend the time of the workcell's own inspection."""
        env, free, result = self.env, self.free, self.result
        assembly_s = self.shortest_s + self.spread_s * self.random()
        start = max(env.now, free[step])
        end = start + assembly_s
        result.assembly_s += assembly_s
        result.wait_s += start - env.now
        slot = self.inspection_slot[step]
        if self.record:
            result.activities.append(Activity("assembly", piece.number, step, step, start, end))
        if look and slot == step:
            end = self._book(piece, step, step, end)
        free[step] = end
        yield env.timeout(end - env.now)
        if look and slot != step:
            end = self._book(piece, step, step, max(env.now, free[slot]))
            yield env.timeout(end - env.now)

    def _book(self, piece: Piece, step: int, inspector: int, start: float) -> float:
        """Book an inspection from `start`; return its end."""
        inspection_s = self.look_s + self.look_spread_s * self.random()
        end = start + inspection_s
        self.result.inspection_s += inspection_s
        self.free[self.inspection_slot[inspector]] = end
        if self.record:
            self.result.activities.append(Activity("inspection", piece.number, step, inspector, start, end))
        return end

    def _inspect(self, piece: Piece, step: int, log_odds: float) -> Process:
        """Hold a whole round: the workcell's own inspector, then drawn ones, until it is decided. The inner loop."""
        env, free, slots, result = self.env, self.free, self.inspection_slot, self.result
        timeout, travel_s, book, take = env.timeout, self.travel_s, self._book, self._take_answer
        seen = OpenInspection(step, log_odds, self.open_round())
        outcome = take(seen, step)
        physical = self.setup.inspection is InspectionMode.PHYSICAL
        position, now, trips_s = piece.position, env.now, 0.0
        while outcome is None:
            inspector = self._draw(position, seen.asked, now)
            arrival = now
            if physical:
                trip_s = travel_s[position][inspector]
                position = inspector
                trips_s += trip_s
                arrival += trip_s
            start = free[slots[inspector]]
            if start > arrival:
                result.wait_s += start - arrival
            else:
                start = arrival
            end = book(piece, step, inspector, start)
            yield timeout(end - now)
            now = end
            outcome = take(seen, inspector)
        piece.position = position
        result.inspection_trip_s += trips_s
        self._judge(piece, step, seen.answers, outcome, log_odds)
        return outcome

    def _stay(self, piece: Piece, step: int, undecided: list[OpenInspection]) -> Process:
        """Assemble at the step's workcell while its inspector inspects the undecided steps, then the new step.

        A person does one after the other. Returns the steps that were decided to be defective.
        """
        env, free, slot = self.env, self.free, self.inspection_slot[step]
        assembly_s = self.shortest_s + self.spread_s * self.random()
        start = max(env.now, free[step])
        self.result.wait_s += start - env.now
        self.result.assembly_s += assembly_s
        assembled = start + assembly_s
        if self.record:
            self.result.activities.append(Activity("assembly", piece.number, step, step, start, assembled))
        end = assembled if slot == step else max(env.now, free[slot])
        older = [seen for seen in undecided if not seen.asked >> step & 1]
        for seen in older:
            end = self._book(piece, seen.step, step, end)
        end = self._book(piece, step, step, max(end, assembled))
        free[step] = end if slot == step else assembled
        yield env.timeout(end - env.now)
        new = OpenInspection(step, self.draw_quality(), self.open_round())
        undecided.append(new)
        return self._take_answers(piece, step, [*older, new], undecided)

    def _visit(self, piece: Piece, inspector: int, undecided: list[OpenInspection]) -> Process:
        """Go to an inspector, who inspects every undecided step that it has not seen; returns failed steps."""
        env, free, slot = self.env, self.free, self.inspection_slot[inspector]
        travel_s = self.travel_s[piece.position][inspector]
        self.result.inspection_trip_s += travel_s
        piece.position = inspector
        arrival = env.now + travel_s
        end = max(arrival, free[slot])
        self.result.wait_s += end - arrival
        looked = [seen for seen in undecided if not seen.asked >> inspector & 1]
        for seen in looked:
            end = self._book(piece, seen.step, inspector, end)
        yield env.timeout(end - env.now)
        return self._take_answers(piece, inspector, looked, undecided)

    # Answers and decisions.

    def _take_answers(
        self, piece: Piece, inspector: int, looked: list[OpenInspection], undecided: list[OpenInspection]
    ) -> list[int]:
        failed = []
        for seen in looked:
            outcome = self._take_answer(seen, inspector)
            if outcome is not None:
                undecided.remove(seen)
                self._judge(piece, seen.step, seen.answers, outcome, seen.log_odds)
                if outcome == FAIL and self.setup.rework_limit:
                    failed.append(seen.step)
        return failed

    def _take_answer(self, seen: OpenInspection, inspector: int) -> int | None:
        seen.asked |= 1 << inspector
        answer = self._answer(inspector, seen.log_odds)
        seen.answers.append((inspector, answer))
        return seen.add(answer, self.weights[inspector])

    def _answer(self, inspector: int, log_odds: float) -> int:
        self.result.answers += 1
        scaled = self.sharpness[inspector] * log_odds
        if -CERTAIN < scaled < CERTAIN:
            return PASS if self.random() * (1 + exp(-scaled)) < 1 else FAIL
        return PASS if scaled > 0 else FAIL

    def _judge(self, piece: Piece, step: int, answers: list[tuple[int, int]], outcome: int, log_odds: float) -> None:
        result, defective = self.result, log_odds < 0
        if defective:
            result.true_fail += outcome == FAIL
            result.missed += outcome == PASS
        else:
            result.false_fail += outcome == FAIL
            result.true_pass += outcome == PASS
        if self.record:
            result.rounds.append(Decided(piece.number, step, tuple(answers), outcome, defective))
        if self.setup.learn and len(answers) >= MIN_ANSWERS:
            for inspector, answer in answers:
                updated = learned(self.records[inspector], answer == outcome)
                self.records[inspector] = updated
                self.weights[inspector] = updated.capability

    def _draw(self, position: int, asked: int, now: float) -> int:
        """Return the next inspector: the current one, a random one of the nearest free ones, or the first free one."""
        free, slots, minimum = self.free, self.inspection_slot, self.setup.rule.minimum_capability
        if not asked >> position & 1:
            return position
        for ring in self.rings[position]:
            pool = [cell for cell in ring if not asked >> cell & 1 and free[slots[cell]] <= now]
            if minimum:
                pool = [cell for cell in pool if self.weights[cell] >= minimum]
            if pool:
                return pool[0] if len(pool) == 1 else pool[int(self.random() * len(pool))]
        remaining = [
            c for c in range(self.floor.cells) if not asked >> c & 1 and (not minimum or self.weights[c] >= minimum)
        ]
        return min(remaining, key=lambda cell: free[slots[cell]])

    # The process controller and the conveyor.

    def _next_step(self, piece: Piece) -> int:
        ready = self.floor.ready(piece.done)
        if len(ready) == 1 or self.setup.order is Order.SERIAL:
            return ready[0]
        free, way, now = self.free, self.on_the_way, self.env.now
        travel_s = self.travel_s[piece.position] if piece.position >= 0 else (0.0,) * self.floor.cells
        each_s = self.shortest_s + self.spread_s / 2
        return min(ready, key=lambda s: (max(now + travel_s[s], max(now, free[s]) + each_s * way[s]), s))

    def _go(self, piece: Piece, step: int) -> Process:
        """Go to the workcell of a new step; the first step starts there."""
        if piece.position >= 0:
            travel_s = self.travel_s[piece.position][step]
            plain_s = self.travel_s[piece.home][step]
            self.result.transport_s += plain_s
            self.result.inspection_trip_s += travel_s - plain_s
            if travel_s:
                self.on_the_way[step] += 1
                yield self.env.timeout(travel_s)
                self.on_the_way[step] -= 1
        piece.position = piece.home = step

    def _return(self, piece: Piece, step: int) -> Process:
        """Return to the workcell of a step to repeat it."""
        travel_s = self.travel_s[piece.position][step]
        self.result.inspection_trip_s += travel_s
        piece.position = piece.home = step
        if travel_s:
            yield self.env.timeout(travel_s)
