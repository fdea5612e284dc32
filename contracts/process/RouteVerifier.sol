// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IRouteVerifier, KeyId, RouteId} from "../interfaces/IRouteVerifier.sol";
import {OrgId, OrgIds} from "../interfaces/Types.sol";
import {BLS12381} from "../libraries/BLS12381.sol";
import {CodeStore} from "../libraries/CodeStore.sol";
import {Roles} from "../libraries/Rights.sol";

/// @title Proofs that a subject passed the stations of a designed route, in order, each signing what it did.
contract RouteVerifier is IRouteVerifier, ConsortiumBound, EIP712 {
    bytes private constant SIGNATURE_TAG = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    bytes private constant POSSESSION_TAG = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    bytes32 private constant ORIGIN = keccak256("ChromaTrace route origin/1");
    bytes32 private constant LINK = keccak256("ChromaTrace route link/1");
    bytes32 private constant STEP_TYPEHASH = keccak256(
        "RouteStep(bytes32 route,bytes32 subject,uint16 step,string process,bytes32 channel,uint64 logSize,"
        "bytes32 digest,uint64 completedAt)"
    );
    bytes32 private constant POSSESSION_TYPEHASH = keccak256("StationKey(bytes32 key,uint32 organisation)");
    uint256 private constant CHAIN_SIZE = 64;
    uint256 private constant LINK_SIZE = 160;
    uint256 private constant MAX_STEPS = 64;
    uint256 private constant MAX_NAME_LENGTH = 64;
    uint16 private constant PROVERS = Roles.PRODUCER | Roles.GATEWAY | Roles.ADMIN;

    /// @dev One slot. `store` holds the 256 bytes of the key.
    struct StoredKey {
        OrgId owner;
        uint64 revokedFrom;
        address store;
    }

    /// @dev One slot. `store` holds the keys of the steps, one after the other.
    struct StoredRoute {
        OrgId owner;
        Kind kind;
        bool requiresProof;
        uint8 steps;
        uint16 version;
        address store;
    }

    /// @dev Memory of one `proveRoutes`: pointers to the chains (see `_writeChain`), the terms of the linear
    /// combinations (signatures first, then the hashes of each step) and the pairs, and how many subjects there are.
    struct Work {
        uint256 count;
        uint256 chains;
        uint256 terms;
        uint256 pairs;
    }

    mapping(KeyId => StoredKey) private _keys;
    mapping(KeyId => bool) private _unverifiedKeys;
    /// @dev Bit b is set once any key whose id ends in the byte b was revoked or recorded unverified: where it is not,
    /// one word answers for all.
    uint256 private _doubts;
    mapping(RouteId => StoredRoute) private _routes;
    mapping(OrgId => mapping(bytes32 nameHash => uint16)) private _versions;
    mapping(RouteId => mapping(uint256 word => uint256)) private _proven;
    mapping(RouteId => mapping(uint256 word => uint256)) private _unverified;

    constructor(IConsortium consortium_) ConsortiumBound(consortium_) EIP712("ChromaTrace RouteVerifier", "1") {}

    // ------------------------------------------------------------------ stations

    /// @inheritdoc IRouteVerifier
    function registerStationKey(
        string calldata name,
        bytes32[8] calldata publicKey,
        bytes32[4] calldata proofOfPossession
    ) external returns (KeyId id) {
        OrgId caller = consortium.authorize(msg.sender, Roles.GATEWAY | Roles.ADMIN);
        bytes memory encoded = abi.encodePacked(publicKey);
        id = KeyId.wrap(keccak256(encoded));
        _requirePossession(id, caller, publicKey, proofOfPossession);
        if (_unverifiedKeys[id]) {
            delete _unverifiedKeys[id];
            _keys[id].owner = caller;
            emit StationKeyVerified(id, caller, proofOfPossession, msg.sender);
        } else {
            _storeKey(id, caller, name, encoded);
            emit StationKeyRegistered(id, caller, name, publicKey, proofOfPossession, msg.sender);
        }
    }

    /// @inheritdoc IRouteVerifier
    function recordStationKey(
        string calldata name,
        bytes32[8] calldata publicKey,
        bytes32[4] calldata proofOfPossession
    ) external returns (KeyId id) {
        OrgId caller = consortium.authorize(msg.sender, Roles.GATEWAY | Roles.ADMIN);
        bytes memory encoded = abi.encodePacked(publicKey);
        id = KeyId.wrap(keccak256(encoded));
        if (BLS12381.available()) revert KeyVerificationAvailable(id);
        _storeKey(id, caller, name, encoded);
        _unverifiedKeys[id] = true;
        _doubts |= _hint(id);
        emit StationKeyRegistered(id, caller, name, publicKey, proofOfPossession, msg.sender);
        emit StationKeyUnverified(id);
    }

    /// @inheritdoc IRouteVerifier
    function revokeStationKey(KeyId id, uint64 from) external {
        OrgId caller = consortium.authorize(msg.sender, Roles.GATEWAY | Roles.ADMIN);
        StoredKey storage revoked = _keys[id];
        if (revoked.owner == OrgIds.NONE) revert UnknownStationKey(id);
        if (revoked.owner != caller) revert NotStationOwner(id, revoked.owner, caller);
        if (from < block.timestamp) revert RevocationInThePast(from);
        if (revoked.revokedFrom != 0 && revoked.revokedFrom <= from) {
            revert StationKeyIsRevoked(id, revoked.revokedFrom);
        }
        revoked.revokedFrom = from;
        _doubts |= _hint(id);
        emit StationKeyRevoked(id, from, msg.sender);
    }

    // ------------------------------------------------------------------ routes

    /// @inheritdoc IRouteVerifier
    function designRoute(
        string calldata name,
        Kind kind,
        bool required,
        KeyId[] calldata keys,
        string[] calldata processes
    ) external returns (RouteId id) {
        OrgId caller = consortium.authorize(msg.sender, Roles.PRODUCER | Roles.ADMIN);
        _requireName(name);
        if (kind == Kind.None) revert InvalidRouteKind();
        _requireSteps(keys.length, processes);

        uint16 version = ++_versions[caller][keccak256(bytes(name))];
        id = routeIdOf(caller, name, version);
        _routes[id] = StoredRoute(caller, kind, required, uint8(keys.length), version, _storeKeys(keys));
        emit RouteDesigned(id, caller, name, version, kind, required, keys, processes, msg.sender);
    }

    // ------------------------------------------------------------------ proofs

    /// @inheritdoc IRouteVerifier
    function proveRoute(RouteId id, Proof calldata proof, bytes32[] calldata messages) external {
        // slither-disable-next-line unused-return
        consortium.authorize(msg.sender, PROVERS);
        _prove(id, _designed(id, Kind.Processing), proof, messages, 0);
    }

    /// @inheritdoc IRouteVerifier
    function proveAssembly(
        RouteId id,
        Proof calldata proof,
        bytes32[] calldata messages,
        Component[] calldata components
    ) external {
        // slither-disable-next-line unused-return
        consortium.authorize(msg.sender, PROVERS);
        StoredRoute memory design = _designed(id, Kind.Assembly);
        if (components.length == 0) revert NoComponents(id, proof.subject);
        for (uint256 i = 0; i < components.length; ++i) {
            if (!isProven(components[i].route, components[i].subject)) {
                revert ComponentNotProven(components[i].route, components[i].subject);
            }
        }
        emit AssemblyProven(id, proof.subject, components);
        _prove(id, design, proof, messages, _hashComponents(components));
    }

    /// @inheritdoc IRouteVerifier
    function proveRoutes(RouteId id, Proof[] calldata proofs, bytes32[] calldata messages) external {
        // slither-disable-next-line unused-return
        consortium.authorize(msg.sender, PROVERS);
        StoredRoute memory design = _designed(id, Kind.Processing);
        uint256 count = proofs.length;
        if (count == 0) revert NoProofs(id);
        if (messages.length != count * design.steps) {
            revert WrongStepCount(id, messages.length, count * design.steps);
        }

        // Memory begins as zeros.
        // slither-disable-next-line uninitialized-local
        Work memory work;
        work.count = count;
        work.terms = BLS12381.allocate(count * BLS12381.MSM_TERM_SIZE);
        work.chains = BLS12381.allocate(count * CHAIN_SIZE);
        _openChains(id, design.steps, proofs, messages, work);
        _writeCoefficients(work);
        _combine(design, work);
        uint256 chain = work.chains;
        for (uint256 n = 0; n < count; ++n) {
            _conclude(id, proofs[n], chain);
            unchecked {
                chain += CHAIN_SIZE;
            }
        }
        if (!BLS12381.pairingHolds(work.pairs, uint256(design.steps) + 1)) revert ProofsRefused(id, count);
    }

    /// @inheritdoc IRouteVerifier
    function recordUnverified(RouteId id, Proof calldata proof, bytes32[] calldata messages) external {
        // slither-disable-next-line unused-return
        consortium.authorize(msg.sender, PROVERS);
        StoredRoute memory design = _routes[id];
        if (design.steps == 0) revert UnknownRoute(id);
        if (messages.length != design.steps) revert WrongStepCount(id, messages.length, design.steps);
        if (BLS12381.available()) revert VerificationAvailable(id, proof.subject);
        if (!_mark(_unverified[id], proof.subject)) revert AlreadyRecorded(id, proof.subject);
        emit RouteRecordedUnverified(id, proof.subject, proof.head, proof.signature, msg.sender);
    }

    // ------------------------------------------------------------------ answers

    /// @inheritdoc IRouteVerifier
    function stationKey(KeyId id) external view returns (StationKey memory) {
        return StationKey(_keys[id].owner, _keys[id].revokedFrom);
    }

    /// @inheritdoc IRouteVerifier
    function isUnverified(KeyId id) external view returns (bool) {
        return _unverifiedKeys[id];
    }

    /// @inheritdoc IRouteVerifier
    function route(RouteId id) external view returns (Route memory) {
        StoredRoute memory design = _routes[id];
        return Route(design.owner, design.kind, design.requiresProof, design.steps, design.version);
    }

    /// @inheritdoc IRouteVerifier
    function keysOf(RouteId id) external view returns (KeyId[] memory keys) {
        StoredRoute memory design = _routes[id];
        keys = new KeyId[](design.steps);
        uint256 buffer = BLS12381.allocate(BLS12381.G2_SIZE);
        for (uint256 i = 0; i < keys.length; ++i) {
            keys[i] = _loadKey(design.store, i, buffer);
        }
    }

    /// @inheritdoc IRouteVerifier
    function versionOf(OrgId organisation, string calldata name) external view returns (uint16) {
        return _versions[organisation][keccak256(bytes(name))];
    }

    /// @inheritdoc IRouteVerifier
    function requiresProof(RouteId id) external view returns (bool) {
        return _routes[id].requiresProof;
    }

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
    function routeIdOf(OrgId organisation, string calldata name, uint16 version) public pure returns (RouteId) {
        return RouteId.wrap(keccak256(abi.encode(organisation, name, version)));
    }

    /// @inheritdoc IRouteVerifier
    function subjectOf(bytes32 batch, uint32 unit) external pure returns (bytes32) {
        uint256 word = uint256(keccak256(abi.encode(batch, unit >> 8)));
        return bytes32((word & ~uint256(0xff)) | (unit & 0xff));
    }

    /// @inheritdoc IRouteVerifier
    function originOf(RouteId id, bytes32 subject, Component[] calldata components) external view returns (bytes32) {
        bytes32 digest = components.length == 0 ? bytes32(0) : _hashComponents(components);
        return _originOf(_originScratch(id, digest), subject);
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

    /// @inheritdoc IRouteVerifier
    function hashPossession(KeyId key, OrgId organisation) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(POSSESSION_TYPEHASH, key, organisation)));
    }

    // ------------------------------------------------------------------ internal: verification

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

        uint256 chain = BLS12381.allocate(CHAIN_SIZE);
        _writeChain(chain, _originOf(_originScratch(id, components), proof.subject), messages, 0);
        uint256 pairs = BLS12381.allocate((steps + 1) * BLS12381.PAIR_SIZE);
        _writeSignature(id, proof, pairs);
        _follow(design, chain, pairs);
        _conclude(id, proof, chain);
        if (!BLS12381.pairingHolds(pairs, steps + 1)) revert ProofRefused(id, proof.subject);
    }

    /// @dev Follows one chain through its steps and completes the pairs of e(σ, g2) = Π e(H(c_i), pk_i).
    function _follow(StoredRoute memory design, uint256 chain, uint256 pair) private view {
        BLS12381.writeNegatedGenerator(pair + BLS12381.G1_SIZE);
        BLS12381.Hasher memory hasher = BLS12381.hasherFor(SIGNATURE_TAG, 32);
        uint256 scratch = BLS12381.allocate(LINK_SIZE);
        uint256 doubts = _doubts;
        for (uint256 i = 0; i < design.steps; ++i) {
            pair += BLS12381.PAIR_SIZE;
            KeyId key = _loadKey(design.store, i, pair + BLS12381.G1_SIZE);
            _requireInForce(key, doubts);
            _writeLink(scratch, key, i + 1);
            _advance(chain, scratch, hasher.message);
            BLS12381.hashToG1(hasher, pair);
        }
    }

    /// @dev Marks each subject as proven, begins its chain, and writes its signature as the point of its term.
    function _openChains(
        RouteId id,
        uint256 steps,
        Proof[] calldata proofs,
        bytes32[] calldata messages,
        Work memory work
    ) private {
        uint256 origin = _originScratch(id, 0);
        mapping(uint256 => uint256) storage proven = _proven[id];
        uint256 chain = work.chains;
        uint256 term = work.terms;
        uint256 first = 0;
        for (uint256 n = 0; n < proofs.length; ++n) {
            Proof calldata proof = proofs[n];
            bytes32 subject = proof.subject;
            if (!_mark(proven, subject)) revert AlreadyProven(id, subject);
            _writeChain(chain, _originOf(origin, subject), messages, first);
            _writeSignature(id, proof, term);
            unchecked {
                first += steps;
                chain += CHAIN_SIZE;
                term += BLS12381.MSM_TERM_SIZE;
            }
        }
    }

    /// @dev The pairs of e(Σ r_n σ_n, g2) = Π_i e(Σ_n r_n H(c_{n,i}), pk_i), which holds but for chance 2^-128 only
    /// where each of the proofs does. The terms come with signatures and coefficients, and then serve the hashes of
    /// each step.
    function _combine(StoredRoute memory design, Work memory work) private view {
        uint256 pair = BLS12381.allocate((uint256(design.steps) + 1) * BLS12381.PAIR_SIZE);
        work.pairs = pair;
        BLS12381.linearCombination(work.terms, work.count, pair);
        BLS12381.writeNegatedGenerator(pair + BLS12381.G1_SIZE);
        BLS12381.Hasher memory hasher = BLS12381.hasherFor(SIGNATURE_TAG, 32);
        uint256 scratch = BLS12381.allocate(LINK_SIZE);
        uint256 doubts = _doubts;
        for (uint256 i = 0; i < design.steps; ++i) {
            pair += BLS12381.PAIR_SIZE;
            KeyId key = _loadKey(design.store, i, pair + BLS12381.G1_SIZE);
            _requireInForce(key, doubts);
            _writeLink(scratch, key, i + 1);
            _hashStepOfAll(hasher, scratch, work);
            BLS12381.linearCombination(work.terms, work.count, pair);
        }
    }

    /// @dev Moves every chain on by one step and writes the hash of its link as the point of its term.
    function _hashStepOfAll(BLS12381.Hasher memory hasher, uint256 scratch, Work memory work) private view {
        uint256 chain = work.chains;
        uint256 term = work.terms;
        uint256 end = term + work.count * BLS12381.MSM_TERM_SIZE;
        uint256 message = hasher.message;
        while (term < end) {
            _advance(chain, scratch, message);
            BLS12381.hashToG1(hasher, term);
            unchecked {
                chain += CHAIN_SIZE;
                term += BLS12381.MSM_TERM_SIZE;
            }
        }
    }

    function _requirePossession(
        KeyId id,
        OrgId owner,
        bytes32[8] calldata publicKey,
        bytes32[4] calldata proofOfPossession
    ) private view {
        uint256 pairs = BLS12381.allocate(2 * BLS12381.PAIR_SIZE);
        uint256 key = pairs + BLS12381.PAIR_SIZE + BLS12381.G1_SIZE;
        assembly ("memory-safe") {
            calldatacopy(pairs, proofOfPossession, 128)
            calldatacopy(key, publicKey, 256)
        }
        if (BLS12381.isZero(key, BLS12381.G2_SIZE)) revert StationKeyAtInfinity();
        BLS12381.writeNegatedGenerator(pairs + BLS12381.G1_SIZE);
        BLS12381.Hasher memory hasher = BLS12381.hasherFor(POSSESSION_TAG, 32);
        BLS12381.hashToG1(hasher, hashPossession(id, owner), pairs + BLS12381.PAIR_SIZE);
        if (!BLS12381.pairingHolds(pairs, 2)) revert PossessionNotProven(id, owner);
    }

    /// @dev r_n: 128 bits of keccak256(seed ‖ n), the seed hashed from every input; written as the scalars of the
    /// terms.
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

    /// @dev What is left to do of a chain that was followed to its end; the pairing comes after.
    function _conclude(RouteId id, Proof calldata proof, uint256 chain) private {
        bytes32 head;
        assembly ("memory-safe") {
            head := mload(chain)
        }
        if (proof.head != head) revert HeadMismatch(id, proof.subject, proof.head, head);
        emit RouteProven(id, proof.subject, head, msg.sender);
    }

    function _requireInForce(KeyId id, uint256 doubts) private view {
        if (doubts & _hint(id) == 0) return;
        if (_unverifiedKeys[id]) revert StationKeyIsUnverified(id);
        _requireNotRevoked(id);
    }

    function _requireNotRevoked(KeyId id) private view {
        uint64 from = _keys[id].revokedFrom;
        if (from != 0 && from <= block.timestamp) revert StationKeyIsRevoked(id, from);
    }

    function _hint(KeyId id) private pure returns (uint256) {
        return 1 << (uint256(KeyId.unwrap(id)) & 0xff);
    }

    function _writeSignature(RouteId id, Proof calldata proof, uint256 to) private pure {
        bytes32[4] calldata signature = proof.signature;
        assembly ("memory-safe") {
            calldatacopy(to, signature, 128)
        }
        if (BLS12381.isZero(to, BLS12381.G1_SIZE)) revert SignatureAtInfinity(id, proof.subject);
    }

    /// @dev What is hashed to c_0: ORIGIN ‖ chain id ‖ this contract ‖ route ‖ subject ‖ components, without the
    /// subject.
    function _originScratch(RouteId id, bytes32 components) private view returns (uint256 scratch) {
        bytes memory fields = abi.encode(ORIGIN, block.chainid, address(this), id, bytes32(0), components);
        assembly ("memory-safe") {
            scratch := add(fields, 0x20)
        }
    }

    function _originOf(uint256 scratch, bytes32 subject) private pure returns (bytes32 first) {
        assembly ("memory-safe") {
            mstore(add(scratch, 0x80), subject)
            first := keccak256(scratch, 0xc0)
        }
    }

    /// @dev A chain while it is followed: the link so far ‖ where its next message stands in the calldata.
    function _writeChain(uint256 chain, bytes32 first, bytes32[] calldata messages, uint256 begin) private pure {
        assembly ("memory-safe") {
            mstore(chain, first)
            mstore(add(chain, 0x20), add(messages.offset, shl(5, begin)))
        }
    }

    /// @dev What is hashed to a link: LINK ‖ c_{i-1} ‖ m_i ‖ key id ‖ i; the second and third are for `_advance`.
    function _writeLink(uint256 scratch, KeyId key, uint256 step) private pure {
        bytes32 domain = LINK;
        assembly ("memory-safe") {
            mstore(scratch, domain)
            mstore(add(scratch, 0x60), key)
            mstore(add(scratch, 0x80), step)
        }
    }

    /// @dev Moves a chain on by one step and writes the link to `to`.
    function _advance(uint256 chain, uint256 scratch, uint256 to) private pure {
        assembly ("memory-safe") {
            let message := mload(add(chain, 0x20))
            mstore(add(scratch, 0x20), mload(chain))
            mstore(add(scratch, 0x40), calldataload(message))
            let link := keccak256(scratch, 0xa0)
            mstore(chain, link)
            mstore(to, link)
            mstore(add(chain, 0x20), add(message, 0x20))
        }
    }

    function _hashComponents(Component[] calldata components) private pure returns (bytes32) {
        return keccak256(abi.encode(components));
    }

    // ------------------------------------------------------------------ internal: storage

    function _designed(RouteId id, Kind kind) private view returns (StoredRoute memory design) {
        design = _routes[id];
        if (design.steps == 0) revert UnknownRoute(id);
        if (design.kind != kind) revert WrongRouteKind(id, design.kind);
    }

    /// @dev Writes the key of step `i` (from 0) to memory and returns its id.
    function _loadKey(address store, uint256 i, uint256 to) private view returns (KeyId id) {
        CodeStore.read(store, i * BLS12381.G2_SIZE, to, BLS12381.G2_SIZE);
        assembly ("memory-safe") {
            id := keccak256(to, 256)
        }
    }

    function _requireSteps(uint256 steps, string[] calldata processes) private pure {
        if (steps == 0 || steps > MAX_STEPS) revert InvalidStepCount(steps, MAX_STEPS);
        if (processes.length != steps) revert LengthMismatch(steps, processes.length);
        for (uint256 i = 0; i < steps; ++i) {
            uint256 length = bytes(processes[i]).length;
            if (length == 0 || length > MAX_NAME_LENGTH) revert InvalidProcessName(i + 1, length);
        }
    }

    function _storeKey(KeyId id, OrgId owner, string calldata name, bytes memory encoded) private {
        _requireName(name);
        OrgId known = _keys[id].owner;
        if (known != OrgIds.NONE) revert StationKeyAlreadyRegistered(id, known);
        _keys[id] = StoredKey(owner, 0, CodeStore.write(encoded));
    }

    function _storeKeys(KeyId[] calldata keys) private returns (address) {
        bytes memory all = new bytes(keys.length * BLS12381.G2_SIZE);
        uint256 to;
        assembly ("memory-safe") {
            to := add(all, 0x20)
        }
        uint256 doubts = _doubts;
        for (uint256 i = 0; i < keys.length; ++i) {
            address store = _keys[keys[i]].store;
            if (store == address(0)) revert UnknownStationKey(keys[i]);
            if (doubts & _hint(keys[i]) != 0) _requireNotRevoked(keys[i]);
            CodeStore.read(store, 0, to + i * BLS12381.G2_SIZE, BLS12381.G2_SIZE);
        }
        return CodeStore.write(all);
    }

    /// @dev Sets the subject's bit; false where it was set.
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

    function _requireName(string calldata name) private pure {
        uint256 length = bytes(name).length;
        if (length == 0 || length > MAX_NAME_LENGTH) revert InvalidRouteName(length);
    }
}
