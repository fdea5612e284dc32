// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRouteVerifier, KeyId, RouteId} from "../interfaces/IRouteVerifier.sol";
import {OrgId} from "../interfaces/Types.sol";
import {BLS12381} from "../libraries/BLS12381.sol";
import {CodeStore} from "../libraries/CodeStore.sol";
import {Roles} from "../libraries/Rights.sol";
import {StationKeys} from "./StationKeys.sol";

/// @title Route designs: the station keys that sign, in order; immutable
abstract contract RouteDesigns is StationKeys {
    uint256 private constant MAX_STEPS = 64;

    /// @dev One storage slot. `store` is the contract whose code holds the keys of the steps, 256 bytes each.
    struct StoredRoute {
        OrgId owner;
        RouteKind kind;
        bool requiresProof;
        uint8 steps;
        uint16 version;
        address store;
    }

    mapping(RouteId => StoredRoute) internal _routes;
    mapping(OrgId => mapping(bytes32 nameHash => uint16)) private _versions;

    /// @inheritdoc IRouteVerifier
    function designRoute(
        string calldata name,
        RouteKind kind,
        bool required,
        KeyId[] calldata keys,
        string[] calldata processes
    ) external returns (RouteId id) {
        OrgId caller = consortium.authorise(msg.sender, Roles.PRODUCER | Roles.ADMIN);
        _requireName(name);
        if (kind == RouteKind.None) revert InvalidRouteKind();
        _requireSteps(keys.length, processes);

        uint16 version = ++_versions[caller][keccak256(bytes(name))];
        id = routeIdOf(caller, name, version);
        _routes[id] = StoredRoute(caller, kind, required, uint8(keys.length), version, _storeKeys(keys));
        emit RouteDesigned(id, caller, name, version, kind, required, keys, processes, msg.sender);
    }

    // ------------------------------------------------------------------ views

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
        StoredRoute memory design = _routes[id];
        if (design.steps == 0) revert UnknownRoute(id);
        return design.requiresProof;
    }

    /// @inheritdoc IRouteVerifier
    function routeIdOf(OrgId organisation, string calldata name, uint16 version) public pure returns (RouteId) {
        return RouteId.wrap(keccak256(abi.encode(organisation, name, version)));
    }

    // ------------------------------------------------------------------ internal

    function _designed(RouteId id, RouteKind kind) internal view returns (StoredRoute memory design) {
        design = _routes[id];
        if (design.steps == 0) revert UnknownRoute(id);
        if (design.kind != kind) revert WrongRouteKind(id, design.kind);
    }

    /// @dev Write the key of step `i` (starting at 0) to memory and return its id.
    function _loadKey(address store, uint256 i, uint256 to) internal view returns (KeyId id) {
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

    function _storeKeys(KeyId[] calldata keys) private returns (address) {
        bytes memory all = new bytes(keys.length * BLS12381.G2_SIZE);
        uint256 to;
        assembly ("memory-safe") {
            to := add(all, 0x20)
        }
        uint256 restrictedKeys = _restrictedKeys;
        for (uint256 i = 0; i < keys.length; ++i) {
            address store = _storeOf(keys[i]);
            if (restrictedKeys & _filterBit(keys[i]) != 0) _requireNotRevoked(keys[i]);
            CodeStore.read(store, 0, to + i * BLS12381.G2_SIZE, BLS12381.G2_SIZE);
        }
        return CodeStore.write(all);
    }
}
