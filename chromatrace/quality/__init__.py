"""Quality rules as plain code: inspection by consensus (Quality Defect Tolerance), sampling, disposition, evidence.

    rules             what a plant configures: states, minimum and maximum, weighing, threshold
    log_odds          the weight of a capability in a sequential test
    consensus         which group wins: groups, scores, decision
    learning          how an inspector's capability follows its agreement with the winners
    check_sheet       parameters with tolerances, each small, fit or large
    findings          answers that contradict themselves
    inspection_tasks  tasks that people answer at the portal
    inspector_states  faults of inspectors' processes
    sampling          acceptance sampling by attributes, with switching rules
    disposition       rules that decide what happens to units; disposition_store has the signed decisions
    result_rules      measurements agree with result files; optical_consistency: with one another
    calibration       an instrument whose calibration has expired gives no verdict

Scores, thresholds and capabilities of the consensus are integers in 1/10,000. These modules and
`contracts/libraries/ConsensusRule.sol` therefore agree exactly. `as_ratio` converts them to floats.
"""
