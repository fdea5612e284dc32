"""Runs a shop floor: one SimPy process per workpiece, one event per stay at a workcell.

A workcell serves in the order of arrival, so its queue is a calendar: `free[slot]` is when its next visitor can
start. A person is one slot, an AI agent two (assembling, inspecting). An inspector that is drawn is booked from that
moment on, so nobody is drawn twice at once.
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
from chromatrace.studies.shopfloor.result import Activity, Decided, Result
from chromatrace.studies.shopfloor.setup import Inspection, Order, Round, Setup

Process = Generator[simpy.Event, Any, Any]


def simulate(setup: Setup, seed: int, *, record: bool = False) -> Result:
    """One run. The same setup and seed give the same result. `record` keeps every round and activity."""
    return Run(setup, seed, record=record).finish()


class Piece:
    """A workpiece: where it is, where its last step was done, and which steps are done (bits)."""

    __slots__ = ("done", "home", "number", "place")

    def __init__(self, number: int) -> None:
        self.number, self.done, self.place, self.home = number, 0, -1, -1


class Inspected:
    """The inspection of one step of a workpiece while it is open."""

    __slots__ = ("add", "answers", "asked", "log_odds", "step")

    def __init__(self, step: int, log_odds: float, opened: Round) -> None:
        self.step, self.log_odds, self.add = step, log_odds, opened.add
        self.asked = 0
        self.answers: list[tuple[int, int]] = []


class Run:
    """One run of a setup, and what its workpieces share."""

    def __init__(self, setup: Setup, seed: int, *, record: bool = False) -> None:
        self.setup, self.floor, self.result, self.record = setup, setup.floor, Result(), record
        self.env = simpy.Environment()
        self.random = Random(seed).random  # noqa: S311 - a simulation
        cells = self.floor.cells
        self.everything = (1 << cells) - 1
        self.travel_s = self.floor.travel_s
        self.free = [0.0] * (2 * cells)
        self.inspection_slot = [cell if setup.kinds[cell] is Kind.HUMAN else cells + cell for cell in range(cells)]
        self.sharpness = [sharpness(value) for value in setup.capabilities]
        self.standings = [InspectorRecord()] * cells
        self.weights = [each.capability for each in self.standings] if setup.learn else setup.first_weights()
        self.open_round = setup.round_opener()
        self.rings = rings(self.floor, setup.draw)
        self.draw_quality = quality_drawer(setup.defect_rate, self.random)
        self.on_the_way = [0] * cells
        times = self.floor.times
        self.shortest_s, self.spread_s = times.assembly_s[0], times.assembly_s[1] - times.assembly_s[0]
        self.look_s, self.look_spread_s = times.inspection_s[0], times.inspection_s[1] - times.inspection_s[0]

    def finish(self) -> Result:
        """Runs until the last workpiece has left."""
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
                self.result.learned.append(tuple(each.capability for each in self.standings))

    def _life(self, number: int) -> Process:
        piece = Piece(number)
        if self.setup.inspection is Inspection.CONVENTIONAL:
            good = yield from self._conventional(piece)
        elif self.setup.inspection is Inspection.OVERLAPPED:
            good = yield from self._overlapped(piece)
        else:
            good = yield from self._step_by_step(piece)
        if good:
            self.result.finished += 1
        else:
            self.result.scrapped += 1

    # How a workpiece passes the floor; each returns whether it was finished, else it was scrapped.

    def _step_by_step(self, piece: Piece) -> Process:
        """Every step is decided before the next one begins."""
        limit, inspect = self.setup.rework_limit, self.setup.inspection is not Inspection.NONE
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
        """Each workcell looks at its own step alone; only a checkpoint has its step done again when that fails."""
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
        """Production goes on; open inspections are continued by the workcells that the workpiece comes to."""
        undecided: list[Inspected] = []
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
                    piece, self._draw(piece.place, undecided[0].asked, self.env.now), undecided
                )
                continue
            else:
                return True
            again += yield from self._stay(piece, step, undecided)

    # What happens at a workcell.

    def _assemble(self, piece: Piece, step: int, look: bool) -> Process:
        """Does a step and, with `look`, spends the time of the workcell's own inspection after it."""
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
        """Books an inspection from `start` on; returns when it ends."""
        inspection_s = self.look_s + self.look_spread_s * self.random()
        end = start + inspection_s
        self.result.inspection_s += inspection_s
        self.free[self.inspection_slot[inspector]] = end
        if self.record:
            self.result.activities.append(Activity("inspection", piece.number, step, inspector, start, end))
        return end

    def _inspect(self, piece: Piece, step: int, log_odds: float) -> Process:
        """A whole round: the workcell's own inspector, then drawn ones, until it is decided. The inner loop of all."""
        env, free, slots, result = self.env, self.free, self.inspection_slot, self.result
        timeout, travel_s, book, take = env.timeout, self.travel_s, self._book, self._take_answer
        seen = Inspected(step, log_odds, self.open_round())
        outcome = take(seen, step)
        physical = self.setup.inspection is Inspection.PHYSICAL
        place, now, trips_s = piece.place, env.now, 0.0
        while outcome is None:
            inspector = self._draw(place, seen.asked, now)
            arrival = now
            if physical:
                trip_s = travel_s[place][inspector]
                place = inspector
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
        piece.place = place
        result.inspection_trip_s += trips_s
        self._judge(piece, step, seen.answers, outcome, log_odds)
        return outcome

    def _stay(self, piece: Piece, step: int, undecided: list[Inspected]) -> Process:
        """Assembles at the step's workcell while its inspector looks at what is undecided, then at the new step.

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
        new = Inspected(step, self.draw_quality(), self.open_round())
        undecided.append(new)
        return self._take_answers(piece, step, [*older, new], undecided)

    def _visit(self, piece: Piece, inspector: int, undecided: list[Inspected]) -> Process:
        """Goes to an inspector who looks at everything undecided that it has not seen; as `_stay`."""
        env, free, slot = self.env, self.free, self.inspection_slot[inspector]
        travel_s = self.travel_s[piece.place][inspector]
        self.result.inspection_trip_s += travel_s
        piece.place = inspector
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
        self, piece: Piece, inspector: int, looked: list[Inspected], undecided: list[Inspected]
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

    def _take_answer(self, seen: Inspected, inspector: int) -> int | None:
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
                standing = learned(self.standings[inspector], answer == outcome)
                self.standings[inspector] = standing
                self.weights[inspector] = standing.capability

    def _draw(self, place: int, asked: int, now: float) -> int:
        """The next inspector: the one at hand, at random the nearest who are free, or who is free first."""
        free, slots, least = self.free, self.inspection_slot, self.setup.rule.minimum_capability
        if not asked >> place & 1:
            return place
        for ring in self.rings[place]:
            pool = [cell for cell in ring if not asked >> cell & 1 and free[slots[cell]] <= now]
            if least:
                pool = [cell for cell in pool if self.weights[cell] >= least]
            if pool:
                return pool[0] if len(pool) == 1 else pool[int(self.random() * len(pool))]
        left = [c for c in range(self.floor.cells) if not asked >> c & 1 and (not least or self.weights[c] >= least)]
        return min(left, key=lambda cell: free[slots[cell]])

    # The process controller and the conveyor.

    def _next_step(self, piece: Piece) -> int:
        ready = self.floor.ready(piece.done)
        if len(ready) == 1 or self.setup.order is Order.SERIAL:
            return ready[0]
        free, way, now = self.free, self.on_the_way, self.env.now
        travel_s = self.travel_s[piece.place] if piece.place >= 0 else (0.0,) * self.floor.cells
        each_s = self.shortest_s + self.spread_s / 2
        return min(ready, key=lambda s: (max(now + travel_s[s], max(now, free[s]) + each_s * way[s]), s))

    def _go(self, piece: Piece, step: int) -> Process:
        """To the workcell of a new step; the first one starts where it is done."""
        if piece.place >= 0:
            travel_s = self.travel_s[piece.place][step]
            plain_s = self.travel_s[piece.home][step]
            self.result.transport_s += plain_s
            self.result.inspection_trip_s += travel_s - plain_s
            if travel_s:
                self.on_the_way[step] += 1
                yield self.env.timeout(travel_s)
                self.on_the_way[step] -= 1
        piece.place = piece.home = step

    def _return(self, piece: Piece, step: int) -> Process:
        """Back to the workcell of a step that is done again."""
        travel_s = self.travel_s[piece.place][step]
        self.result.inspection_trip_s += travel_s
        piece.place = piece.home = step
        if travel_s:
            yield self.env.timeout(travel_s)
