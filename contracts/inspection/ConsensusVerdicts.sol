// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IInspectionLedger} from "../interfaces/IInspectionLedger.sol";
import {LaneId, IQualityConsensus, RoundId} from "../interfaces/IQualityConsensus.sol";
import {BatchId, OrgId, Stage, Verdict} from "../interfaces/Types.sol";
import {InspectorPanels} from "./InspectorPanels.sol";

/// @title What becomes of a round's outcome where it is the verdict of a stage.
abstract contract ConsensusVerdicts is IQualityConsensus, InspectorPanels {
    /// @dev What is left for the ledger, so that nobody can make it fail by giving too little.
    uint256 private constant VERDICT_GAS = 300_000;

    /// @inheritdoc IQualityConsensus
    IInspectionLedger public immutable override ledger;

    /// @param revision of the stage when the round was decided: what came since is newer
    struct Refused {
        IInspectionLedger.ConsensusVerdict verdict;
        uint8 revision;
    }

    /// @dev Of rounds whose outcome is a verdict.
    mapping(LaneId => BatchId) private _batches;
    mapping(BatchId => mapping(Stage => Refused)) private _refused;

    constructor(IInspectionLedger ledger_) InspectorPanels(ledger_.consortium()) {
        ledger = ledger_;
    }

    /// @inheritdoc IQualityConsensus
    function deliver(BatchId batch, Stage stage) external {
        Refused memory refused = _refused[batch][stage];
        if (refused.verdict.verdict == Verdict.None || refused.revision != ledger.revisionOf(batch, stage)) {
            revert NoPendingVerdict(batch, stage);
        }
        delete _refused[batch][stage];
        ledger.recordConsensus(refused.verdict);
    }

    // ------------------------------------------------------------------ internal

    /// @dev Where a stage's verdict comes from consensus, the ledger takes none from anybody else.
    function _ruleChanged(OrgId panel, Rule calldata rule_) internal override {
        ledger.requireConsensus(panel, rule_.decidesFirst, rule_.decidesFinal);
    }

    /// @dev That the ledger would take a verdict on this subject from this panel; keeps where it will go.
    /// @return externalOnly whether the producer's own inspectors are refused
    function _expectVerdict(LaneId lane, Request calldata request, OrgId panel)
        internal
        returns (bool externalOnly)
    {
        OrgId producer;
        (producer, externalOnly) =
            ledger.checkConsensus(BatchId.wrap(request.subject), request.stage, request.sampleSize);
        if (producer != panel) revert BatchOfAnotherOrganisation(request.subject, producer, panel);
        _batches[lane] = BatchId.wrap(request.subject);
    }

    /// @dev A refusal must not undo the decision; what the ledger did not take can be delivered later.
    function _tryToDeliver(RoundId id, OrgId panel, LaneId lane, Round memory current, bool passed) internal {
        if (gasleft() < VERDICT_GAS) revert InsufficientGas(VERDICT_GAS);
        Inspector storage recorder = _inspectors[panel][current.recorder];
        IInspectionLedger.ConsensusVerdict memory verdict = IInspectionLedger.ConsensusVerdict({
            batch: _batches[lane],
            stage: current.stage,
            verdict: passed ? Verdict.Pass : Verdict.Fail,
            sampleSize: current.sampleSize,
            defects: recorder.defects,
            inspector: recorder.account,
            instrument: recorder.instrument,
            evidence: recorder.evidence
        });
        delete _refused[verdict.batch][verdict.stage];
        // The ledger is ours and immutable, and calls nothing back.
        // slither-disable-start reentrancy-no-eth,reentrancy-events
        // solhint-disable-next-line no-empty-blocks
        try ledger.recordConsensus(verdict) {}
        catch (bytes memory reason) {
            _refused[verdict.batch][verdict.stage] = Refused(verdict, ledger.revisionOf(verdict.batch, verdict.stage));
            emit VerdictRejected(id, reason);
        }
        // slither-disable-end reentrancy-no-eth,reentrancy-events
    }
}
