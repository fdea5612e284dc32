"""Inspection by consensus (Quality Defect Tolerance): the rule as pure, readable code. Imports the domain alone.

    rules        what a plant configures: states, minimum and maximum, weighing, threshold
    log_odds     what a capability weighs in a sequential test
    consensus    who wins: groups, scores, decision; `Tally` is the same decision, answer by answer, fast
    learning     how an inspector's capability follows its agreement with the winners
    check_sheet  several parameters with tolerances, each read as small, fit or large

Scores, thresholds and capabilities are integers in 1/10,000, so that `contracts/libraries/ConsensusRule.sol` and this
package agree to the last digit. `as_ratio` and the `*_ratio` views give floats.
"""
