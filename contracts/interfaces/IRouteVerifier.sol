// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OrgId} from "./Types.sol";

/// @notice `keccak256(abi.encode(organisation, name, version))`, one designed route.
type RouteId is bytes32;

/// @notice keccak256 of a station's public key in the 256 bytes of EIP-2537.
type KeyId is bytes32;

/// @title Proofs that a subject passed the stations of a designed route, in order, each signing what it did.
/// @notice One aggregate signature σ of BLS12-381 in G1 stands for the signatures of all k stations. Station i signs
/// the link c_i, which fixes everything before it:
///
///     c_0 = keccak256(ORIGIN ‖ chain id ‖ this contract ‖ route ‖ subject ‖ components)
///     c_i = keccak256(LINK ‖ c_{i-1} ‖ m_i ‖ key id of station i ‖ i)
///     e(σ, g2) = Π e(H(c_i), pk_i)
///
/// each field 32 bytes wide, m_i the EIP-712 hash of the step record (`hashStep`). Keys and their number come from the
/// design, never from the prover.
/// @dev A subject is a batch (`BatchId`) or one unit or component of it (`subjectOf`); its last byte is the place of
/// its bit in a word, so that 256 units of a batch share one slot. What a proof says: the holders of the keys signed
/// these records in this order. What it does not: that the work was done, or that a station's clock was right. Needs
/// EIP-2537 (Prague); elsewhere every proof reverts `PrecompileUnavailable` and only `recordUnverified` is open.
/// Hazard: a malformed point makes a precompile burn the gas of the call; simulate first.
// Parameters carry the names of the views that answer for them.
// slither-disable-start shadowing-local
interface IRouteVerifier {
    enum RouteKind {
        None,
        Processing,
        Assembly
    }

    /// @param owner organisation whose station it is
    /// @param revokedFrom Unix second from which no proof may use the key; 0 where it is not revoked
    struct StationKey {
        OrgId owner;
        uint64 revokedFrom;
    }

    /// @param version from 1; a change of a route is a new version
    /// @param requiresProof whether a batch made by this route needs its proof before release
    struct Route {
        OrgId owner;
        RouteKind kind;
        bool requiresProof;
        uint8 steps;
        uint16 version;
    }

    /// @param head c_k, the last link; a proof whose messages lead elsewhere is refused before anything is paired
    /// @param signature σ as EIP-2537 has it: x ‖ y, 64 bytes each
    struct Proof {
        bytes32 subject;
        bytes32 head;
        bytes32[4] signature;
    }

    /// @notice A proven subject that goes into an assembly.
    struct Component {
        RouteId route;
        bytes32 subject;
    }

    /// @notice What a station signs (EIP-712): the step, and the process data that it was done on.
    /// @param step number of the step in the route, from 1
    /// @param process name of the step, as in the design
    /// @param channel channel of the Merkle log that `digest` belongs to; 0 where it belongs to none
    /// @param logSize entries of the log under the head `digest`; 0 where `digest` is one entry or document
    /// @param digest head, leaf hash, or SHA-256 of a document
    /// @param completedAt Unix seconds
    struct Step {
        RouteId route;
        bytes32 subject;
        uint16 step;
        string process;
        bytes32 channel;
        uint64 logSize;
        bytes32 digest;
        uint64 completedAt;
    }

    event StationKeyRegistered(
        KeyId indexed key,
        OrgId indexed organisation,
        string name,
        bytes32[8] publicKey,
        bytes32[4] proofOfPossession,
        address indexed by
    );
    /// @notice Told after `StationKeyRegistered` where the chain could not check the key: it proves nothing.
    event StationKeyUnverified(KeyId indexed key);
    /// @notice An unverified key was checked after all, and belongs to whoever proved to hold it.
    event StationKeyVerified(
        KeyId indexed key, OrgId indexed organisation, bytes32[4] proofOfPossession, address indexed by
    );
    event StationKeyRevoked(KeyId indexed key, uint64 revokedFrom, address indexed by);
    event RouteDesigned(
        RouteId indexed route,
        OrgId indexed organisation,
        string name,
        uint16 version,
        RouteKind kind,
        bool requiresProof,
        KeyId[] keys,
        string[] processes,
        address indexed by
    );
    /// @param head last link of the chain: what the last station signed. The signature stands in the transaction.
    event RouteProven(RouteId indexed route, bytes32 indexed subject, bytes32 head, address indexed by);
    event AssemblyProven(RouteId indexed route, bytes32 indexed subject, Component[] components);
    /// @notice Nobody has verified this signature. It never counts as a proof.
    event RouteRecordedUnverified(
        RouteId indexed route, bytes32 indexed subject, bytes32 head, bytes32[4] signature, address indexed by
    );

    error UnknownStationKey(KeyId key);
    error StationKeyAlreadyRegistered(KeyId key, OrgId organisation);
    error StationKeyAtInfinity();
    error InvalidProofOfPossession(KeyId key, OrgId organisation);
    error NotStationKeyOwner(KeyId key, OrgId owner, OrgId caller);
    error StationKeyIsUnverified(KeyId key);
    error KeyVerificationAvailable(KeyId key);
    error StationKeyIsRevoked(KeyId key, uint64 revokedFrom);
    error RevocationInThePast(uint64 revokedFrom);
    error InvalidRouteName(uint256 length);
    error InvalidProcessName(uint256 step, uint256 length);
    error InvalidRouteKind();
    error InvalidStepCount(uint256 steps, uint256 maximum);
    error LengthMismatch(uint256 first, uint256 second);
    error UnknownRoute(RouteId route);
    error NotRouteOwner(RouteId route, OrgId owner, OrgId caller);
    error WrongRouteKind(RouteId route, RouteKind kind);
    error WrongStepCount(RouteId route, uint256 count, uint256 expected);
    error SignatureAtInfinity(RouteId route, bytes32 subject);
    error HeadMismatch(RouteId route, bytes32 subject, bytes32 head, bytes32 computed);
    error AlreadyProven(RouteId route, bytes32 subject);
    error AlreadyRecorded(RouteId route, bytes32 subject);
    error InvalidProof(RouteId route, bytes32 subject);
    /// @notice At least one of the proofs is wrong; prove them one by one, or run `explain`, to know which.
    error InvalidProofSet(RouteId route, uint256 count);
    error NoProofs(RouteId route);
    error NoComponents(RouteId route, bytes32 subject);
    error ComponentNotProven(RouteId route, bytes32 subject);
    error DuplicateComponent(RouteId route, bytes32 subject);
    error VerificationAvailable(RouteId route, bytes32 subject);

    /// @notice Registers the public key of a station of the caller's organisation. Only a gateway or administrator.
    /// Infinity, points off the curve or outside the subgroup, and keys without proof of possession are refused. A key
    /// that stands unverified is verified by this.
    /// @param proofOfPossession the key's signature on `hashPossession`, under the proof-of-possession tag
    function registerStationKey(
        string calldata name,
        bytes32[8] calldata publicKey,
        bytes32[4] calldata proofOfPossession
    ) external returns (KeyId);

    /// @notice Records a key that this chain cannot check, for routes whose proofs it can only record. Refused where the
    /// chain can. Only a gateway or administrator.
    function recordStationKey(
        string calldata name,
        bytes32[8] calldata publicKey,
        bytes32[4] calldata proofOfPossession
    ) external returns (KeyId);

    /// @notice From `revokedFrom` on no proof may use the key; what was proven before stands. A revocation can be brought
    /// forward, never put off. Only a gateway or administrator of the owner.
    /// @param revokedFrom Unix seconds, not in the past
    function revokeStationKey(KeyId key, uint64 revokedFrom) external;

    /// @notice Designs a route of the caller's organisation: its stations in order. Immutable; a design of the same
    /// name is its next version. Only a producer or administrator.
    /// @param processes name of the process of each step
    function designRoute(
        string calldata name,
        RouteKind kind,
        bool requiresProof,
        KeyId[] calldata keys,
        string[] calldata processes
    ) external returns (RouteId);

    /// @notice Proves one subject of a processing route. Only a producer, gateway or administrator, of any
    /// organisation.
    /// @param messages m_1 to m_k
    function proveRoute(RouteId route, Proof calldata proof, bytes32[] calldata messages) external;

    /// @notice Proves many subjects of one processing route, each of them, or none: one pairing product with 128-bit
    /// coefficients hashed from all inputs. Fits a transaction of 2^24 gas up to 64 subjects of 8 steps.
    /// @param messages m_1 to m_k of the first proof, then of the second, and so on
    function proveRoutes(RouteId route, Proof[] calldata proofs, bytes32[] calldata messages) external;

    /// @notice Proves the assembly of proven components, each named once, into one subject; c_0 fixes them and their
    /// order. Hazard: that a component goes into one assembly only is not held here; readers see it in the events.
    function proveAssembly(
        RouteId route,
        Proof calldata proof,
        bytes32[] calldata messages,
        Component[] calldata components
    ) external;

    /// @notice Records a signature that this chain cannot check, marked as such. Refused where the chain can. Only a
    /// producer, gateway or administrator of the route's own organisation: nothing else tells a signature from junk here.
    function recordUnverified(RouteId route, Proof calldata proof, bytes32[] calldata messages) external;

    function stationKey(KeyId key) external view returns (StationKey memory);
    /// @notice Whether the key was recorded without being checked.
    function isUnverified(KeyId key) external view returns (bool);
    function route(RouteId id) external view returns (Route memory);
    /// @notice The stations of a route, in order.
    function keysOf(RouteId id) external view returns (KeyId[] memory);
    /// @notice Newest version of an organisation's route; 0 where there is none.
    function versionOf(OrgId organisation, string calldata name) external view returns (uint16);
    /// @notice Whether the policy of the route asks for a proof before release. An unknown route has none: refused, so
    /// that nobody names a route before its policy.
    function requiresProof(RouteId id) external view returns (bool);
    function isProven(RouteId id, bytes32 subject) external view returns (bool);
    /// @notice Whether a signature was recorded that nobody has verified. True beside `isProven` once proven later.
    function isRecordedUnverified(RouteId id, bytes32 subject) external view returns (bool);
    /// @notice Whether this chain can verify at all.
    function canVerify() external view returns (bool);

    function routeIdOf(OrgId organisation, string calldata name, uint16 version) external pure returns (RouteId);
    /// @notice The subject of one unit or component of a batch.
    function subjectOf(bytes32 batch, uint32 unit) external pure returns (bytes32);
    /// @notice c_0; without components the last field is 0.
    function originOf(RouteId id, bytes32 subject, Component[] calldata components) external view returns (bytes32);
    /// @notice m_i of a step record.
    function hashStep(Step calldata step) external view returns (bytes32);
    /// @notice What a station signs to prove that it holds the key, for one organisation on one deployment.
    function hashPossession(KeyId key, OrgId organisation) external view returns (bytes32);
}
// slither-disable-end shadowing-local
