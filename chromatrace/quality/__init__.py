"""Inspection by consensus (Quality Defect Tolerance): the rules that the product uses, as plain code.

    rules             what a plant configures: states, minimum and maximum, weighing, threshold
    log_odds          the weight of a capability in a sequential test
    consensus         which group wins: groups, scores, decision
    learning          how an inspector's capability follows its agreement with the winners
    check_sheet       parameters with tolerances, each small, fit or large
    findings          answers that contradict themselves
    inspection_tasks  tasks that people answer at the portal
    inspector_states  faults of inspectors' processes

Scores, thresholds and capabilities are integers in 1/10,000. This package and
`contracts/libraries/ConsensusRule.sol` therefore agree exactly. `as_ratio` converts them to floats.
"""
