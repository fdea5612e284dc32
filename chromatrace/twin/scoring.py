"""Score predictions of tags on recorded files: one step ahead, before the model has seen the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.twin.errors import TrainingDataError
from chromatrace.twin.prediction import OUT_OF_CONTROL, STATES, Baselines, Comparison, MarkovChain, StateLimits
from chromatrace.twin.prediction.markov import DEFAULT_FORGETTING
from chromatrace.twin.recorded import Recording


@dataclass(frozen=True, slots=True)
class TagModel:
    """The states of a tag, the counts of its training run, and the baselines."""

    tag: str
    limits: StateLimits
    counts: list[list[float]]
    baselines: Baselines

    def chain(self, forgetting: float = DEFAULT_FORGETTING) -> MarkovChain:
        """Return a chain that starts with the training counts in an unknown state."""
        return MarkovChain(len(STATES), forgetting=forgetting, counts=self.counts)


@dataclass(frozen=True, slots=True)
class TagScore:
    """The scores of one tag in one file, and what the chain expects after the last row.

    steps_to_out_of_control  mean number of rows until the tag is out of control; None if the last value is missing
    """

    file: str
    tag: str
    comparison: Comparison
    steps_to_out_of_control: float | None
    stationary: list[float]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "file": self.file,
            "tag": self.tag,
            **self.comparison.as_dict(),
            "rows_to_out_of_control": self.steps_to_out_of_control,
            "stationary": dict(zip(STATES, self.stationary, strict=True)),
        }


def train_tags(recording: Recording, tags: Sequence[str]) -> list[TagModel]:
    """Return a model of each tag from a recording of normal operation. Raises `TrainingDataError`, `InvalidInput`."""
    if not tags or len(set(tags)) != len(tags):
        raise InvalidInput("expected different tags", field="tags")
    models = []
    for tag, values in zip(tags, recording.columns(tags).T, strict=True):
        try:
            limits = StateLimits.from_values(values)
        except TrainingDataError as error:
            raise TrainingDataError(f"{tag}: {error.message}", field="train") from error
        states = limits.states(values)
        chain = MarkovChain(len(STATES))
        chain.learn(int(state) if state >= 0 else None for state in states)
        models.append(TagModel(tag, limits, chain.counts, Baselines.from_states(states, len(STATES))))
    return models


def score_tag(model: TagModel, recording: Recording, forgetting: float = DEFAULT_FORGETTING) -> TagScore:
    """Score one tag in one file. The chain starts with the training counts and learns from each row after its score."""
    chain, comparison = model.chain(forgetting), Comparison()
    values = recording.columns([model.tag])[:, 0]
    for value in values.tolist():
        state, before = model.limits.state(value), chain.state
        probabilities = chain.next_probabilities()
        if probabilities is not None and before is not None and state is not None:
            comparison.add(probabilities, model.baselines, before, state)
        chain.update(state)
    return TagScore(
        recording.name, model.tag, comparison, chain.expected_steps_to(OUT_OF_CONTROL), chain.stationary.tolist()
    )


def total(scores: Sequence[TagScore]) -> Comparison:
    """Return the scores of all steps together."""
    result = Comparison()
    for score in scores:
        result.merge(score.comparison)
    return result
