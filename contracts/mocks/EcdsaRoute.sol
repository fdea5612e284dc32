// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsortium} from "../interfaces/IConsortium.sol";
import {CodeStore} from "../libraries/CodeStore.sol";
import {Roles} from "../libraries/Rights.sol";

/// @title Baseline of the `RouteVerifier` benchmarks, never deployed
/// @notice Same route, links, storage and event, but one secp256k1 signature per station.
contract EcdsaRoute {
    bytes32 private constant LINK = keccak256("ChromaTrace route link/1");

    IConsortium private immutable consortium;
    address private _stations;
    uint256 private _steps;
    mapping(uint256 => uint256) private _proven;

    event RouteProven(bytes32 indexed route, bytes32 indexed subject, bytes32 head, address indexed by);

    error InvalidProof(bytes32 subject, uint256 step);
    error AlreadyProven(bytes32 subject);

    constructor(IConsortium consortium_) {
        consortium = consortium_;
    }

    function design(address[] calldata stations) external {
        _steps = stations.length;
        _stations = CodeStore.write(abi.encodePacked(stations));
    }

    /// @param signatures signatures of the links by the stations in order: r ‖ s ‖ v, 65 bytes each
    function prove(bytes32 route, bytes32 subject, bytes32[] calldata messages, bytes calldata signatures) external {
        consortium.authorise(msg.sender, Roles.PRODUCER | Roles.GATEWAY | Roles.ADMIN);
        if (_proven[uint256(subject) >> 8] & (1 << (uint256(subject) & 0xff)) != 0) revert AlreadyProven(subject);
        _proven[uint256(subject) >> 8] |= 1 << (uint256(subject) & 0xff);
        if (messages.length != _steps || signatures.length != 65 * messages.length) revert InvalidProof(subject, 0);
        bytes32 link = keccak256(abi.encode(block.chainid, address(this), route, subject));
        bytes memory stations = new bytes(messages.length * 32);
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := add(stations, 0x20)
        }
        CodeStore.read(_stations, 0, pointer, stations.length);
        for (uint256 i = 0; i < messages.length; ++i) {
            address station;
            assembly ("memory-safe") {
                station := mload(add(pointer, mul(i, 0x20)))
            }
            link = keccak256(abi.encode(LINK, link, messages[i], station, i + 1));
            bytes calldata signature = signatures[65 * i:65 * i + 65];
            address signer = ecrecover(link, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]));
            if (signer == address(0) || signer != station) revert InvalidProof(subject, i + 1);
        }
        emit RouteProven(route, subject, link, msg.sender);
    }
}
