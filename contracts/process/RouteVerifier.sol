// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortium} from "../interfaces/IConsortium.sol";
import {IRouteVerifier, KeyId, RouteId} from "../interfaces/IRouteVerifier.sol";
import {OrgId} from "../interfaces/Types.sol";
import {BLS12381} from "../libraries/BLS12381.sol";
import {Roles} from "../libraries/Rights.sol";
import {RouteLink} from "../libraries/RouteLink.sol";
import {RouteDesigns} from "./RouteDesigns.sol";
import {StationKeys} from "./StationKeys.sol";

/// @title Proofs that a subject passed the stations of a route in order
contract RouteVerifier is RouteDesigns {
    bytes private constant SIGNATURE_TAG = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    bytes32 private constant STEP_TYPEHASH = keccak256(
        "RouteStep(bytes32 route,bytes32 subject,uint16 step,string process,bytes32 channel,uint64 logSize,"
        "bytes32 digest,uint64 completedAt)"
    );
    uint16 private constant PROVERS = Roles.PRODUCER | Roles.GATEWAY | Roles.ADMIN;

    /// @dev Working memory of `proveRoutes`.
    /// @param count number of subjects
    /// @param chains pointer to the chains (see `RouteLink.writeChain`)
    /// @param terms pointer to the terms of the linear combinations: the signatures first, then the hashes of each step
    /// @param pairs pointer to the pairs of the pairing check
    struct Work {
        uint256 count;
        uint256 chains;
        uint256 terms;
        uint256 pairs;
    }

    mapping(RouteId => mapping(uint256 word => uint256)) private _proven;
    mapping(RouteId => mapping(uint256 word => uint256)) private _unverified;

    constructor(IConsortium consortium_) StationKeys(consortium_) {}

    /// @inheritdoc IRouteVerifier
    function proveRoute(RouteId id, Proof calldata proof, bytes32[] calldata messages) external {
        // slither-disable-next-line unused-return
        consortium.authorise(msg.sender, PROVERS);
        _prove(id, _designed(id, RouteKind.Processing), proof, messages, 0);
    }

    /// @inheritdoc IRouteVerifier
    function proveAssembly(
        RouteId id,
        Proof calldata proof,
        bytes32[] calldata messages,
        Component[] calldata components
    ) external {
        // slither-disable-next-line unused-return
        consortium.authorise(msg.sender, PROVERS);
        StoredRoute memory design = _designed(id, RouteKind.Assembly);
        if (components.length == 0) revert NoComponents(id, proof.subject);
        for (uint256 i = 0; i < components.length; ++i) {
            (RouteId route_, bytes32 subject) = (components[i].route, components[i].subject);
            if (!isProven(route_, subject)) revert ComponentNotProven(route_, subject);
            if (_contains(components[:i], route_, subject)) revert DuplicateComponent(route_, subject);
        }
        emit AssemblyProven(id, proof.subject, components);
        _prove(id, design, proof, messages, RouteLink.hashComponents(components));
    }

    /// @inheritdoc IRouteVerifier
    function proveRoutes(RouteId id, Proof[] calldata proofs, bytes32[] calldata messages)
        external
        returns (bool[] memory proven)
    {
        // slither-disable-next-line unused-return
        consortium.authorise(msg.sender, PROVERS);
        StoredRoute memory design = _designed(id, RouteKind.Processing);
        uint256 count = proofs.length;
        if (count == 0) revert NoProofs(id);
        if (messages.length != count * design.steps) {
            revert WrongStepCount(id, messages.length, count * design.steps);
        }

        // New memory is zero.
        // slither-disable-next-line uninitialized-local
        Work memory work;
        work.terms = BLS12381.allocate(count * BLS12381.MSM_TERM_SIZE);
        work.chains = BLS12381.allocate(count * RouteLink.CHAIN_SIZE);
        proven = _openChains(id, design.steps, proofs, messages, work);
        if (work.count == 0) return proven;
        _writeCoefficients(work);
        _combine(design, work);
        uint256 chain = work.chains;
        for (uint256 n = 0; n < count; ++n) {
            if (!proven[n]) continue;
            _checkHead(id, proofs[n], chain);
            unchecked {
                chain += RouteLink.CHAIN_SIZE;
            }
        }
        if (!BLS12381.pairingHolds(work.pairs, uint256(design.steps) + 1)) revert InvalidProofSet(id, work.count);
    }

    /// @inheritdoc IRouteVerifier
    function recordUnverified(RouteId id, Proof calldata proof, bytes32[] calldata messages) external {
        OrgId caller = consortium.authorise(msg.sender, PROVERS);
        StoredRoute memory design = _routes[id];
        if (design.steps == 0) revert UnknownRoute(id);
        if (design.owner != caller) revert NotRouteOwner(id, design.owner, caller);
        if (messages.length != design.steps) revert WrongStepCount(id, messages.length, design.steps);
        if (BLS12381.available()) revert VerificationAvailable(id, proof.subject);
        if (!_mark(_unverified[id], proof.subject)) revert AlreadyRecorded(id, proof.subject);
        emit RouteRecordedUnverified(id, proof.subject, proof.head, proof.signature, msg.sender);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IRouteVerifier
    function isProven(RouteId id, bytes32 subject) public view returns (bool) {
        return _isMarked(_proven[id], subject);
    }

    /// @inheritdoc IRouteVerifier
    function isRecordedUnverified(RouteId id, bytes32 subject) external view returns (bool) {
        return _isMarked(_unverified[id], subject);
    }

    /// @inheritdoc IRouteVerifier
    function canVerify() external view returns (bool) {
        return BLS12381.available();
    }

    /// @inheritdoc IRouteVerifier
    function subjectOf(bytes32 batch, uint32 unit) external pure returns (bytes32) {
        uint256 word = uint256(keccak256(abi.encode(batch, unit >> 8)));
        return bytes32((word & ~uint256(0xff)) | (unit & 0xff));
    }

    /// @inheritdoc IRouteVerifier
    function originOf(RouteId id, bytes32 subject, Component[] calldata components) external view returns (bytes32) {
        bytes32 digest = components.length == 0 ? bytes32(0) : RouteLink.hashComponents(components);
        return RouteLink.originOf(RouteLink.originScratch(id, digest), subject);
    }

    /// @inheritdoc IRouteVerifier
    function hashStep(Step calldata step) external view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    STEP_TYPEHASH,
                    step.route,
                    step.subject,
                    step.step,
                    keccak256(bytes(step.process)),
                    step.channel,
                    step.logSize,
                    step.digest,
                    step.completedAt
                )
            )
        );
    }

    // ------------------------------------------------------------------ internal

    function _prove(
        RouteId id,
        StoredRoute memory design,
        Proof calldata proof,
        bytes32[] calldata messages,
        bytes32 components
    ) private {
        uint256 steps = design.steps;
        if (messages.length != steps) revert WrongStepCount(id, messages.length, steps);
        if (!_mark(_proven[id], proof.subject)) revert AlreadyProven(id, proof.subject);

        uint256 chain = BLS12381.allocate(RouteLink.CHAIN_SIZE);
        RouteLink.writeChain(chain, RouteLink.originOf(RouteLink.originScratch(id, components), proof.subject), messages, 0);
        uint256 pairs = BLS12381.allocate((steps + 1) * BLS12381.PAIR_SIZE);
        _writeSignature(id, proof, pairs);
        _writePairs(design, chain, pairs);
        _checkHead(id, proof, chain);
        if (!BLS12381.pairingHolds(pairs, steps + 1)) revert InvalidProof(id, proof.subject);
    }

    /// @dev Compute the links of one chain and write the pairs of e(σ, g2) = Π e(H(c_i), pk_i). A key is checked after its
    /// link is hashed: on a blockchain without the precompiles, `PrecompileUnavailable` comes before
    /// `StationKeyIsUnverified`.
    function _writePairs(StoredRoute memory design, uint256 chain, uint256 pair) private view {
        BLS12381.writeNegatedGenerator(pair + BLS12381.G1_SIZE);
        BLS12381.Hasher memory hasher = BLS12381.hasherFor(SIGNATURE_TAG, 32);
        uint256 scratch = BLS12381.allocate(RouteLink.LINK_SIZE);
        uint256 restrictedKeys = _restrictedKeys;
        for (uint256 i = 0; i < design.steps; ++i) {
            pair += BLS12381.PAIR_SIZE;
            KeyId key = _loadKey(design.store, i, pair + BLS12381.G1_SIZE);
            RouteLink.writeLink(scratch, key, i + 1);
            RouteLink.advance(chain, scratch, hasher.message);
            BLS12381.hashToG1(hasher, pair);
            _requireUsable(key, restrictedKeys);
        }
    }

    /// @dev Mark each subject as proven, initialise its chain, and write its signature as the point of its term. Subjects
    /// that were proven before take no chain and no term.
    /// @return proven which subjects were marked
    function _openChains(
        RouteId id,
        uint256 steps,
        Proof[] calldata proofs,
        bytes32[] calldata messages,
        Work memory work
    ) private returns (bool[] memory proven) {
        proven = new bool[](proofs.length);
        uint256 origin = RouteLink.originScratch(id, 0);
        mapping(uint256 => uint256) storage marks = _proven[id];
        uint256 chain = work.chains;
        uint256 term = work.terms;
        uint256 first = 0;
        for (uint256 n = 0; n < proofs.length; ++n) {
            Proof calldata proof = proofs[n];
            bytes32 subject = proof.subject;
            if (_mark(marks, subject)) {
                proven[n] = true;
                RouteLink.writeChain(chain, RouteLink.originOf(origin, subject), messages, first);
                _writeSignature(id, proof, term);
                unchecked {
                    chain += RouteLink.CHAIN_SIZE;
                    term += BLS12381.MSM_TERM_SIZE;
                    ++work.count;
                }
            } else {
                emit ProofSkipped(id, subject, msg.sender);
            }
            unchecked {
                first += steps;
            }
        }
    }

    /// @dev Write the pairs of e(Σ r_n σ_n, g2) = Π_i e(Σ_n r_n H(c_{n,i}), pk_i). If a proof is invalid, the equation holds
    /// with probability 2^-128 only. The terms hold the signatures and coefficients at first; the hashes of each step then
    /// replace the signatures.
    function _combine(StoredRoute memory design, Work memory work) private view {
        uint256 pair = BLS12381.allocate((uint256(design.steps) + 1) * BLS12381.PAIR_SIZE);
        work.pairs = pair;
        BLS12381.linearCombination(work.terms, work.count, pair);
        BLS12381.writeNegatedGenerator(pair + BLS12381.G1_SIZE);
        BLS12381.Hasher memory hasher = BLS12381.hasherFor(SIGNATURE_TAG, 32);
        uint256 scratch = BLS12381.allocate(RouteLink.LINK_SIZE);
        uint256 restrictedKeys = _restrictedKeys;
        for (uint256 i = 0; i < design.steps; ++i) {
            pair += BLS12381.PAIR_SIZE;
            KeyId key = _loadKey(design.store, i, pair + BLS12381.G1_SIZE);
            _requireUsable(key, restrictedKeys);
            RouteLink.writeLink(scratch, key, i + 1);
            _advanceChains(hasher, scratch, work);
            BLS12381.linearCombination(work.terms, work.count, pair);
        }
    }

    /// @dev Advance every chain by one step and write the hash of its link as the point of its term.
    function _advanceChains(BLS12381.Hasher memory hasher, uint256 scratch, Work memory work) private view {
        uint256 chain = work.chains;
        uint256 term = work.terms;
        uint256 end = term + work.count * BLS12381.MSM_TERM_SIZE;
        uint256 message = hasher.message;
        while (term < end) {
            RouteLink.advance(chain, scratch, message);
            BLS12381.hashToG1(hasher, term);
            unchecked {
                chain += RouteLink.CHAIN_SIZE;
                term += BLS12381.MSM_TERM_SIZE;
            }
        }
    }

    /// @dev Write the coefficients r_n as the scalars of the terms: 128 bits of keccak256(seed ‖ n). The seed is a hash of
    /// all inputs.
    function _writeCoefficients(Work memory work) private view {
        (uint256 terms, uint256 count) = (work.terms, work.count);
        bytes32 seed = keccak256(abi.encode(block.chainid, address(this), keccak256(msg.data)));
        assembly ("memory-safe") {
            mstore(0x00, seed)
            for { let n := 0 } lt(n, count) { n := add(n, 1) } {
                mstore(0x20, n)
                mstore(add(add(terms, mul(n, 160)), 128), shr(128, keccak256(0x00, 0x40)))
            }
        }
    }

    /// @dev Compare the last link of a chain with the head of the proof. The pairing check follows.
    function _checkHead(RouteId id, Proof calldata proof, uint256 chain) private {
        bytes32 head;
        assembly ("memory-safe") {
            head := mload(chain)
        }
        if (proof.head != head) revert HeadMismatch(id, proof.subject, proof.head, head);
        emit RouteProven(id, proof.subject, head, msg.sender);
    }

    function _writeSignature(RouteId id, Proof calldata proof, uint256 to) private pure {
        bytes32[4] calldata signature = proof.signature;
        assembly ("memory-safe") {
            calldatacopy(to, signature, 128)
        }
        if (BLS12381.isZero(to, BLS12381.G1_SIZE)) revert SignatureAtInfinity(id, proof.subject);
    }

    function _contains(Component[] calldata components, RouteId route_, bytes32 subject) private pure returns (bool) {
        for (uint256 i = 0; i < components.length; ++i) {
            if (components[i].subject != subject) continue;
            if (RouteId.unwrap(components[i].route) == RouteId.unwrap(route_)) return true;
        }
        return false;
    }

    /// @dev Set the bit of the subject; return false if it was already set.
    function _mark(mapping(uint256 => uint256) storage words, bytes32 subject) private returns (bool) {
        uint256 slot = uint256(subject) >> 8;
        uint256 word = words[slot];
        uint256 bit = 1 << (uint256(subject) & 0xff);
        if (word & bit != 0) return false;
        words[slot] = word | bit;
        return true;
    }

    function _isMarked(mapping(uint256 => uint256) storage words, bytes32 subject) private view returns (bool) {
        return words[uint256(subject) >> 8] & (1 << (uint256(subject) & 0xff)) != 0;
    }
}
