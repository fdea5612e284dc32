// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ConsortiumBound} from "../access/ConsortiumBound.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IRouteVerifier, KeyId} from "../interfaces/IRouteVerifier.sol";
import {OrgId, OrgIds} from "../interfaces/Types.sol";
import {BLS12381} from "../libraries/BLS12381.sol";
import {CodeStore} from "../libraries/CodeStore.sol";
import {Roles} from "../libraries/Rights.sol";

/// @title Registration and revocation of station keys
abstract contract StationKeys is IRouteVerifier, ConsortiumBound, EIP712 {
    bytes private constant POSSESSION_TAG = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    bytes32 private constant POSSESSION_TYPEHASH = keccak256("StationKey(bytes32 key,uint32 organisation)");
    uint256 internal constant MAX_NAME_LENGTH = 64;

    /// @dev One storage slot. `store` is the contract whose code holds the 256 bytes of the key.
    struct StoredKey {
        OrgId owner;
        uint64 revokedFrom;
        address store;
    }

    mapping(KeyId => StoredKey) private _keys;
    mapping(KeyId => bool) private _unverifiedKeys;
    /// @dev Filter of keys that need a closer check: bit b is set once a key whose id ends in the byte b was revoked or
    /// recorded unverified. One load of this word covers all keys of a route whose bits are clear.
    uint256 internal _restrictedKeys;

    constructor(IConsortium consortium_) ConsortiumBound(consortium_) EIP712("ChromaTrace RouteVerifier", "1") {}

    /// @inheritdoc IRouteVerifier
    function registerStationKey(
        string calldata name,
        bytes32[8] calldata publicKey,
        bytes32[4] calldata proofOfPossession
    ) external returns (KeyId id) {
        OrgId caller = consortium.authorise(msg.sender, Roles.GATEWAY | Roles.ADMIN);
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
        OrgId caller = consortium.authorise(msg.sender, Roles.GATEWAY | Roles.ADMIN);
        bytes memory encoded = abi.encodePacked(publicKey);
        id = KeyId.wrap(keccak256(encoded));
        if (BLS12381.available()) revert KeyVerificationAvailable(id);
        _storeKey(id, caller, name, encoded);
        _unverifiedKeys[id] = true;
        _restrictedKeys |= _filterBit(id);
        emit StationKeyRegistered(id, caller, name, publicKey, proofOfPossession, msg.sender);
        emit StationKeyUnverified(id);
    }

    /// @inheritdoc IRouteVerifier
    function revokeStationKey(KeyId id, uint64 revokedFrom) external {
        OrgId caller = consortium.authorise(msg.sender, Roles.GATEWAY | Roles.ADMIN);
        StoredKey storage key = _keys[id];
        if (key.owner == OrgIds.NONE) revert UnknownStationKey(id);
        if (key.owner != caller) revert NotStationKeyOwner(id, key.owner, caller);
        if (revokedFrom < block.timestamp) revert RevocationInThePast(revokedFrom);
        if (key.revokedFrom != 0 && key.revokedFrom <= revokedFrom) {
            revert StationKeyIsRevoked(id, key.revokedFrom);
        }
        key.revokedFrom = revokedFrom;
        _restrictedKeys |= _filterBit(id);
        emit StationKeyRevoked(id, revokedFrom, msg.sender);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IRouteVerifier
    function stationKey(KeyId id) external view returns (StationKey memory) {
        return StationKey(_keys[id].owner, _keys[id].revokedFrom);
    }

    /// @inheritdoc IRouteVerifier
    function isUnverified(KeyId id) external view returns (bool) {
        return _unverifiedKeys[id];
    }

    /// @inheritdoc IRouteVerifier
    function hashPossession(KeyId key, OrgId organisation) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(POSSESSION_TYPEHASH, key, organisation)));
    }

    // ------------------------------------------------------------------ internal

    function _requireUsable(KeyId id, uint256 restrictedKeys) internal view {
        if (restrictedKeys & _filterBit(id) == 0) return;
        if (_unverifiedKeys[id]) revert StationKeyIsUnverified(id);
        _requireNotRevoked(id);
    }

    function _requireNotRevoked(KeyId id) internal view {
        uint64 revokedFrom = _keys[id].revokedFrom;
        if (revokedFrom != 0 && revokedFrom <= block.timestamp) revert StationKeyIsRevoked(id, revokedFrom);
    }

    /// @dev Return the contract whose code holds a registered key.
    function _storeOf(KeyId id) internal view returns (address store) {
        store = _keys[id].store;
        if (store == address(0)) revert UnknownStationKey(id);
    }

    function _filterBit(KeyId id) internal pure returns (uint256) {
        return 1 << (uint256(KeyId.unwrap(id)) & 0xff);
    }

    function _requireName(string calldata name) internal pure {
        uint256 length = bytes(name).length;
        if (length == 0 || length > MAX_NAME_LENGTH) revert InvalidRouteName(length);
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
        if (!BLS12381.pairingHolds(pairs, 2)) revert InvalidProofOfPossession(id, owner);
    }

    function _storeKey(KeyId id, OrgId owner, string calldata name, bytes memory encoded) private {
        _requireName(name);
        OrgId registered = _keys[id].owner;
        if (registered != OrgIds.NONE) revert StationKeyAlreadyRegistered(id, registered);
        _keys[id] = StoredKey(owner, 0, CodeStore.write(encoded));
    }
}
