// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IQualityConsensus} from "../interfaces/IQualityConsensus.sol";
import {OrgId} from "../interfaces/Types.sol";
import {Bitmap} from "../libraries/Bitmap.sol";
import {ConsensusRule} from "../libraries/ConsensusRule.sol";
import {Roles} from "../libraries/Rights.sol";

/// @title Panels: the rule, inspectors and capabilities of each organisation
/// @dev Set of inspectors are bitmaps by number, so a draw reads four slots regardless of the size of the panel.
abstract contract InspectorPanels is IQualityConsensus, ConsortiumBound {
    struct Panel {
        uint16 ruleVersion;
        uint16 minimumCapability;
        uint8 inspectorCount;
    }

    uint256 private constant MAX_STATES = 12;
    uint256 private constant MAX_ANSWERS = 17;
    uint256 private constant MAX_PHASE_SECONDS = 30 days;

    mapping(OrgId => Panel) private _panels;
    mapping(OrgId => mapping(uint16 version => Rule)) private _rules;
    mapping(OrgId => mapping(uint8 number => Inspector)) internal _inspectors;
    mapping(OrgId => mapping(address => uint8)) private _numbers;
    mapping(OrgId => uint256) private _active;
    mapping(OrgId => uint256) private _capable;
    mapping(OrgId => uint256) private _external;
    mapping(OrgId => uint256) private _seated;

    constructor(IConsortium consortium_) ConsortiumBound(consortium_) {}

    // ------------------------------------------------------------------ administration

    /// @inheritdoc IQualityConsensus
    function setRule(Rule calldata rule_, string[] calldata states) external {
        OrgId panel = consortium.authorise(msg.sender, Roles.ADMIN);
        _checkRule(rule_, states);
        Panel storage panel_ = _panels[panel];
        uint16 version = ++panel_.ruleVersion;
        _rules[panel][version] = rule_;
        panel_.minimumCapability = rule_.minimumCapability;
        uint256 capable = 0;
        for (uint256 number = 1; number <= panel_.inspectorCount; ++number) {
            if (_inspectors[panel][uint8(number)].capability >= rule_.minimumCapability) capable |= 1 << number;
        }
        _capable[panel] = capable;
        emit RuleSet(panel, version, rule_, states);
        _ruleChanged(panel, rule_);
    }

    /// @inheritdoc IQualityConsensus
    function enrol(address account, uint16 capability, bytes32 instrument) external {
        OrgId panel = consortium.authorise(msg.sender, Roles.ADMIN);
        bool own = consortium.authorise(account, Roles.INSPECTOR) == panel;
        if (capability > ConsensusRule.UNIT) revert CapabilityOutOfRange(capability);
        uint8 number = _numbers[panel][account];
        Inspector storage enrolled;
        if (number == 0) {
            if (_panels[panel].inspectorCount == type(uint8).max) revert PanelFull(panel);
            number = ++_panels[panel].inspectorCount;
            _numbers[panel][account] = number;
            enrolled = _inspectors[panel][number];
            enrolled.account = account;
            enrolled.capability = capability;
        } else {
            enrolled = _inspectors[panel][number];
            if (enrolled.active) revert AlreadyEnrolled(account, number);
        }
        enrolled.active = true;
        enrolled.own = own;
        enrolled.instrument = instrument;
        _set(_active, panel, number, true);
        _set(_external, panel, number, !own);
        _set(_capable, panel, number, enrolled.capability >= _panels[panel].minimumCapability);
        emit InspectorEnrolled(panel, number, account, enrolled.capability, own, instrument);
    }

    /// @inheritdoc IQualityConsensus
    function retire(uint8 number) external {
        OrgId panel = consortium.authorise(msg.sender, Roles.ADMIN);
        Inspector storage retired = _inspectors[panel][number];
        if (!retired.active) revert UnknownInspector(panel, number);
        retired.active = false;
        _set(_active, panel, number, false);
        emit InspectorRetired(panel, number, retired.account);
    }

    /// @inheritdoc IQualityConsensus
    function setInstrument(OrgId panel, bytes32 instrument) external {
        uint8 number = _numbers[panel][msg.sender];
        if (number == 0) revert UnknownInspector(panel, number);
        if (_seated[panel] >> number & 1 == 1) revert InspectorUnavailable(number);
        _inspectors[panel][number].instrument = instrument;
        emit InstrumentChanged(panel, number, instrument);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IQualityConsensus
    function rule(OrgId panel) public view returns (uint16 version, Rule memory) {
        version = _panels[panel].ruleVersion;
        return (version, _rules[panel][version]);
    }

    /// @inheritdoc IQualityConsensus
    function inspector(OrgId panel, uint8 number) external view returns (Inspector memory) {
        return _inspectors[panel][number];
    }

    /// @inheritdoc IQualityConsensus
    function numberOf(OrgId panel, address account) external view returns (uint8) {
        return _numbers[panel][account];
    }

    /// @inheritdoc IQualityConsensus
    function eligible(OrgId panel) public view returns (uint256) {
        return _active[panel] & _capable[panel] & ~_seated[panel];
    }

    // ------------------------------------------------------------------ internal

    /// @dev Return a version of the rule: a round follows the version that applied when it was opened.
    function _ruleOf(OrgId panel, uint16 version) internal view returns (Rule storage) {
        return _rules[panel][version];
    }

    /// @dev Called when a rule is set.
    function _ruleChanged(OrgId panel, Rule calldata rule_) internal virtual;

    /// @dev Reserve the inspector of the first seat, regardless of its capability.
    function _seatFirst(OrgId panel, uint8 number, bool externalOnly) internal {
        uint256 bit = 1 << number;
        uint256 seated = _seated[panel];
        if (_active[panel] & ~seated & bit == 0) revert InspectorUnavailable(number);
        if (externalOnly && _external[panel] & bit == 0) revert InspectorNotExternal(number);
        _seated[panel] = seated | bit;
    }

    /// @dev Draw `required` eligible inspectors with equal probability and reserve them.
    /// @return numbers drawn numbers, one byte each from the lowest
    /// @return available number of inspectors that could be drawn; if it is less than `required`, none is reserved
    function _drawInspectors(OrgId panel, uint256 required, bool externalOnly, bytes32 seed)
        internal
        returns (uint256 numbers, uint256 available)
    {
        uint256 seated = _seated[panel];
        uint256 pool = _active[panel] & _capable[panel] & ~seated;
        if (externalOnly) pool &= _external[panel];
        available = Bitmap.count(pool);
        if (available < required) return (0, available);
        for (uint256 i = 0; i < required; ++i) {
            // The seed is the hash of a block that did not exist when the round was requested (docs/adr/0005).
            // slither-disable-next-line weak-prng
            uint256 number = Bitmap.select(pool, uint256(seed) % (available - i));
            pool &= ~(1 << number);
            seated |= 1 << number;
            numbers |= number << (8 * i);
            seed = keccak256(abi.encode(seed));
        }
        _seated[panel] = seated;
    }

    function _release(OrgId panel, uint256 members) internal {
        _seated[panel] &= ~members;
    }

    /// @return capability capability after the round, in 1/10,000
    function _learn(OrgId panel, uint256 number, bool won) internal returns (uint256 capability) {
        Inspector storage inspector_ = _inspectors[panel][uint8(number)];
        (uint256 slot, uint256 previous, uint256 inspections, uint256 wins) = _loadStanding(inspector_);
        (capability, inspections, wins) = ConsensusRule.learned(previous, inspections, wins, won);
        _storeStanding(inspector_, slot, capability, inspections, wins);
        _updateCapable(panel, number, previous, capability);
    }

    /// @return capability capability after the penalty, in 1/10,000
    function _penalise(OrgId panel, uint256 number, uint256 penalty) internal returns (uint256 capability) {
        Inspector storage inspector_ = _inspectors[panel][uint8(number)];
        (uint256 slot, uint256 previous, uint256 inspections, uint256 wins) = _loadStanding(inspector_);
        (capability, inspections, wins) = ConsensusRule.stalled(previous, inspections, wins, penalty);
        _storeStanding(inspector_, slot, capability, inspections, wins);
        if (inspector_.stalls != type(uint16).max) ++inspector_.stalls;
        _updateCapable(panel, number, previous, capability);
    }

    /// @dev Read the three fields after `account` in the first slot with one load.
    /// @return slot value of the slot
    function _loadStanding(Inspector storage inspector_)
        private
        view
        returns (uint256 slot, uint256 capability, uint256 inspections, uint256 wins)
    {
        assembly ("memory-safe") {
            slot := sload(inspector_.slot)
        }
        return (slot, (slot >> 160) & 0xffff, (slot >> 176) & 0xff, (slot >> 184) & 0xff);
    }

    /// @param slot value that `_loadStanding` returned
    function _storeStanding(
        Inspector storage inspector_,
        uint256 slot,
        uint256 capability,
        uint256 inspections,
        uint256 wins
    ) private {
        slot &= ~(uint256(0xffffffff) << 160);
        slot |= (capability | inspections << 16 | wins << 24) << 160;
        assembly ("memory-safe") {
            sstore(inspector_.slot, slot)
        }
    }

    /// @dev Update `_capable` by the present rule, even if the round follows an older version.
    function _updateCapable(OrgId panel, uint256 number, uint256 previous, uint256 capability) private {
        if (previous == capability) return;
        uint256 minimum = _panels[panel].minimumCapability;
        bool capable = capability >= minimum;
        if ((previous >= minimum) != capable) _set(_capable, panel, number, capable);
    }

    function _set(mapping(OrgId => uint256) storage sets, OrgId panel, uint256 number, bool included) private {
        uint256 bit = 1 << number;
        sets[panel] = included ? sets[panel] | bit : sets[panel] & ~bit;
    }

    function _checkRule(Rule calldata rule_, string[] calldata states) private pure {
        if (rule_.states < 2 || rule_.states > MAX_STATES || states.length != rule_.states) {
            revert InvalidRule("states");
        }
        if (
            rule_.minimum % 2 == 0 || rule_.minimum < ConsensusRule.minAnswers(rule_.weighing, rule_.states)
        ) revert InvalidRule("minimum");
        if (rule_.maximum % 2 == 0 || rule_.maximum < rule_.minimum || rule_.maximum > MAX_ANSWERS) {
            revert InvalidRule("maximum");
        }
        if (rule_.firstWave < rule_.minimum || rule_.firstWave > rule_.maximum) revert InvalidRule("firstWave");
        uint256 highest = ConsensusRule.maxScore(rule_.weighing, rule_.maximum);
        if (rule_.threshold == 0 || rule_.threshold > highest) revert InvalidRule("threshold");
        if (rule_.minimumCapability > ConsensusRule.UNIT) revert InvalidRule("minimumCapability");
        if (rule_.stallPenalty > ConsensusRule.UNIT) revert InvalidRule("stallPenalty");
        if (rule_.commitSeconds == 0 || rule_.commitSeconds > MAX_PHASE_SECONDS) revert InvalidRule("commitSeconds");
        if (rule_.revealSeconds == 0 || rule_.revealSeconds > MAX_PHASE_SECONDS) revert InvalidRule("revealSeconds");
        if (rule_.passing >= rule_.states) revert InvalidRule("passing");
    }
}
