// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IInspectionLedger} from "../interfaces/IInspectionLedger.sol";
import {LaneId, IQualityConsensus, RoundId} from "../interfaces/IQualityConsensus.sol";
import {BatchId, OrgId, Stage, Verdict} from "../interfaces/Types.sol";
import {InspectorPanels} from "./InspectorPanels.sol";

/// @title Delivery of verdicts from consensus rounds to the inspection ledger
abstract contract ConsensusVerdicts is IQualityConsensus, InspectorPanels {
    /// @dev Gas that must be left for the ledger. Otherwise a caller could make the ledger fail by supplying too little.
    uint256 private constant VERDICT_GAS = 300_000;

    /// @inheritdoc IQualityConsensus
    IInspectionLedger public immutable override ledger;

    /// @dev A verdict that the ledger rejected.
    /// @param revision revision of the stage when the round was decided; a higher revision is a later verdict
    struct PendingVerdict {
        IInspectionLedger.ConsensusVerdict verdict;
        uint8 revision;
    }

    /// @dev Batch of the present round of a lane, if its outcome is a verdict.
    mapping(LaneId => BatchId) private _batches;
    mapping(BatchId => mapping(Stage => PendingVerdict)) private _pendingVerdicts;

    constructor(IInspectionLedger ledger_) InspectorPanels(ledger_.consortium()) {
        ledger = ledger_;
    }

    /// @inheritdoc IQualityConsensus
    function deliver(BatchId batch, Stage stage) external {
        PendingVerdict memory pending = _pendingVerdicts[batch][stage];
        if (pending.verdict.verdict == Verdict.None || pending.revision != ledger.revisionOf(batch, stage)) {
            revert NoPendingVerdict(batch, stage);
        }
        delete _pendingVerdicts[batch][stage];
        ledger.recordConsensus(pending.verdict);
    }

    // ------------------------------------------------------------------ internal

    /// @dev If consensus decides a stage, the ledger must reject verdicts of other origin.
    function _ruleChanged(OrgId panel, Rule calldata rule_) internal override {
        ledger.requireConsensus(panel, rule_.decidesFirst, rule_.decidesFinal);
    }

    /// @dev Check that the ledger would accept a verdict of this panel on the subject, and store the batch of the lane.
    /// @return externalOnly whether the policy excludes inspectors of the producer
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

    /// @dev An error of the ledger must not revert the decision. A rejected verdict can be delivered later.
    function _tryToDeliver(
        RoundId id,
        OrgId panel,
        LaneId lane,
        Round memory current,
        bool passed,
        uint8 answers
    ) internal {
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
            evidence: recorder.evidence,
            answers: answers
        });
        // The ledger is part of this deployment, immutable, and does not call back.
        // slither-disable-start reentrancy-no-eth,reentrancy-events
        // solhint-disable-next-line no-empty-blocks
        try ledger.recordConsensus(verdict) {}
        catch (bytes memory reason) {
            _pendingVerdicts[verdict.batch][verdict.stage] =
                PendingVerdict(verdict, ledger.revisionOf(verdict.batch, verdict.stage));
            emit VerdictRejected(id, reason);
        }
        // slither-disable-end reentrancy-no-eth,reentrancy-events
    }
}
