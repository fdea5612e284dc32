"""Prediction with a Markov chain for each tag or quality grade, updated with every value, and scores of predictions."""

from chromatrace.twin.prediction.markov import MarkovChain, MarkovTable
from chromatrace.twin.prediction.scores import Baselines, Comparison, Score
from chromatrace.twin.prediction.states import IN_CONTROL, OUT_OF_CONTROL, STATES, WARNING, StateLimits

__all__ = [
    "IN_CONTROL",
    "OUT_OF_CONTROL",
    "STATES",
    "WARNING",
    "Baselines",
    "Comparison",
    "MarkovChain",
    "MarkovTable",
    "Score",
    "StateLimits",
]
