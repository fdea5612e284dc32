// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OrgId} from "./Types.sol";

/// @notice Id of one version of a route: `keccak256(abi.encode(organisation, name, version))`.
type RouteId is bytes32;

/// @notice Id of a station key: keccak256 of the public key in the 256-byte encoding of EIP-2537.
type KeyId is bytes32;

// Parameters have the names of views of this interface.
// slither-disable-start shadowing-local

/// @title Proofs that a subject passed the stations of a route in order
/// @notice Each station signs its step with BLS12-381. One aggregate signature σ in G1 replaces the signatures of all k
/// stations. Station i signs the link c_i, which commits to every earlier step:
///
///     c_0 = keccak256(ORIGIN ‖ chain id ‖ this contract ‖ route ‖ subject ‖ components)
///     c_i = keccak256(LINK ‖ c_{i-1} ‖ m_i ‖ key id of station i ‖ i)
///     e(σ, g2) = Π e(H(c_i), pk_i)
///
/// Each field has 32 bytes; m_i is the EIP-712 hash of the step record (`hashStep`). The keys and their number come from
/// the route design, never from the prover.
/// @dev A subject is a batch (`BatchId`) or one unit or component of a batch (`subjectOf`). Its last byte is the index of
/// its bit in a storage word, so 256 units of a batch share one slot. A proof shows that the holders of the keys signed
/// these records in this order. It does not show that the work was done or that a station's clock was right.
/// Requires EIP-2537 (Prague). On other chains every proof reverts with `PrecompileUnavailable`; only `recordUnverified`
/// works. Limitation: a malformed point makes a precompile consume all gas of the call; simulate before sending.
interface IRouteVerifier {
    enum RouteKind {
        None,
        Processing,
        Assembly
    }

    /// @notice A registered station key.
    /// @param owner organisation of the station
    /// @param revokedFrom first Unix second at which no proof can use the key; 0 if it is not revoked
    struct StationKey {
        OrgId owner;
        uint64 revokedFrom;
    }

    /// @notice A route design.
    /// @param requiresProof whether a batch with this route must be proven before release
    /// @param steps number of steps
    /// @param version version of the design, starting at 1
    struct Route {
        OrgId owner;
        RouteKind kind;
        bool requiresProof;
        uint8 steps;
        uint16 version;
    }

    /// @notice Proof of one subject.
    /// @param head last link c_k; compared with the link computed from the messages before the pairing
    /// @param signature σ in the encoding of EIP-2537: x ‖ y, 64 bytes each
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

    /// @notice EIP-712 message of a step: the step and the process data recorded for it.
    /// @param step number of the step in the route, starting at 1
    /// @param process name of the step in the design
    /// @param channel channel of the Merkle log that `digest` belongs to; 0 if none
    /// @param logSize entries in the log if `digest` is a tree head; 0 if `digest` is one entry or a document
    /// @param digest root hash, leaf hash, or SHA-256 of a document
    /// @param completedAt end of the step in Unix seconds
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

    /// @notice Emitted when a station key is registered.
    /// @param publicKey key in G2, encoded as in EIP-2537
    /// @param proofOfPossession signature of `hashPossession` in G1, encoded as in EIP-2537
    event StationKeyRegistered(
        KeyId indexed key,
        OrgId indexed organisation,
        string name,
        bytes32[8] publicKey,
        bytes32[4] proofOfPossession,
        address indexed by
    );

    /// @notice Emitted after `StationKeyRegistered` if the chain cannot check the key. No proof can use the key.
    event StationKeyUnverified(KeyId indexed key);

    /// @notice Emitted when an unverified key is verified. The key now belongs to the organisation that proved possession.
    event StationKeyVerified(
        KeyId indexed key, OrgId indexed organisation, bytes32[4] proofOfPossession, address indexed by
    );

    /// @notice Emitted when a station key is revoked or its revocation is brought forward.
    /// @param revokedFrom first Unix second at which no proof can use the key
    event StationKeyRevoked(KeyId indexed key, uint64 revokedFrom, address indexed by);

    /// @notice Emitted when a route is designed.
    /// @param version version of the design, starting at 1
    /// @param requiresProof whether a batch with this route must be proven before release
    /// @param keys station key of each step
    /// @param processes name of each step
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

    /// @notice Emitted when a subject is proven. The signature is in the calldata of the transaction.
    /// @param head last link c_k, which the last station signed
    event RouteProven(RouteId indexed route, bytes32 indexed subject, bytes32 head, address indexed by);

    /// @notice Emitted when `proveRoutes` skips a subject that is already proven on this route.
    event ProofSkipped(RouteId indexed route, bytes32 indexed subject, address indexed by);

    /// @notice Emitted with `RouteProven` if the subject is an assembly.
    event AssemblyProven(RouteId indexed route, bytes32 indexed subject, Component[] components);

    /// @notice Emitted when a signature is recorded without verification. It never counts as a proof.
    /// @param head last link c_k, not checked
    /// @param signature aggregate signature, not checked
    event RouteRecordedUnverified(
        RouteId indexed route, bytes32 indexed subject, bytes32 head, bytes32[4] signature, address indexed by
    );

    /// @notice No station key has this id.
    error UnknownStationKey(KeyId key);

    /// @notice The station key is already registered.
    error StationKeyAlreadyRegistered(KeyId key, OrgId organisation);

    /// @notice The public key is the point at infinity.
    error StationKeyAtInfinity();

    /// @notice The proof of possession does not match the key and the organisation.
    error InvalidProofOfPossession(KeyId key, OrgId organisation);

    /// @notice The station key belongs to another organisation.
    error NotStationKeyOwner(KeyId key, OrgId owner, OrgId caller);

    /// @notice The station key was recorded without verification; no proof can use it.
    error StationKeyIsUnverified(KeyId key);

    /// @notice This chain can verify the station key; register it instead of recording it.
    error KeyVerificationAvailable(KeyId key);

    /// @notice The station key is revoked.
    /// @param revokedFrom first Unix second of the revocation
    error StationKeyIsRevoked(KeyId key, uint64 revokedFrom);

    /// @notice The revocation would start before the time of the block.
    /// @param revokedFrom rejected start in Unix seconds
    error RevocationInThePast(uint64 revokedFrom);

    /// @notice The name of the route or station key does not have 1 to 64 bytes.
    /// @param length bytes in the name
    error InvalidRouteName(uint256 length);

    /// @notice The name of a step does not have 1 to 64 bytes.
    /// @param step number of the step, starting at 1
    /// @param length bytes in the name
    error InvalidProcessName(uint256 step, uint256 length);

    /// @notice The kind of the route is `None`.
    error InvalidRouteKind();

    /// @notice The design has no steps or too many.
    /// @param steps number of steps
    /// @param maximum maximum number of steps
    error InvalidStepCount(uint256 steps, uint256 maximum);

    /// @notice Two arrays that must have the same length differ.
    /// @param first length of the first array
    /// @param second length of the second array
    error LengthMismatch(uint256 first, uint256 second);

    /// @notice No route has this id.
    error UnknownRoute(RouteId route);

    /// @notice The route belongs to another organisation.
    error NotRouteOwner(RouteId route, OrgId owner, OrgId caller);

    /// @notice The route is of the other kind.
    error WrongRouteKind(RouteId route, RouteKind kind);

    /// @notice The number of messages does not match the steps of the route.
    /// @param count number of messages
    /// @param expected steps of the route, multiplied by the number of proofs
    error WrongStepCount(RouteId route, uint256 count, uint256 expected);

    /// @notice The signature is the point at infinity.
    error SignatureAtInfinity(RouteId route, bytes32 subject);

    /// @notice The messages do not lead to the head: a message is changed, missing or out of order.
    /// @param head head of the proof
    /// @param computed last link computed from the messages
    error HeadMismatch(RouteId route, bytes32 subject, bytes32 head, bytes32 computed);

    /// @notice The subject is already proven on this route.
    error AlreadyProven(RouteId route, bytes32 subject);

    /// @notice A signature of the subject is already recorded on this route.
    error AlreadyRecorded(RouteId route, bytes32 subject);

    /// @notice The pairing check of the proof failed.
    error InvalidProof(RouteId route, bytes32 subject);

    /// @notice The pairing check of several proofs failed: at least one is invalid. Prove the subjects one by one to find it.
    /// @param count number of proofs
    error InvalidProofSet(RouteId route, uint256 count);

    /// @notice The call contains no proofs.
    error NoProofs(RouteId route);

    /// @notice The assembly lists no components.
    error NoComponents(RouteId route, bytes32 subject);

    /// @notice A component of the assembly is not proven.
    error ComponentNotProven(RouteId route, bytes32 subject);

    /// @notice The same component is listed twice.
    error DuplicateComponent(RouteId route, bytes32 subject);

    /// @notice This chain can verify the proof; prove the route instead of recording the signature.
    error VerificationAvailable(RouteId route, bytes32 subject);

    /// @notice Register the public key of a station of the caller's organisation. Rejects infinity, points off the curve or
    /// outside the subgroup, and keys without a valid proof of possession. Verifies the key if it was recorded unverified.
    /// Requires the role `GATEWAY` or `ADMIN`.
    /// @param name 1 to 64 bytes of UTF-8
    /// @param publicKey key in G2, encoded as in EIP-2537
    /// @param proofOfPossession signature of `hashPossession` in G1, under the proof-of-possession tag
    function registerStationKey(
        string calldata name,
        bytes32[8] calldata publicKey,
        bytes32[4] calldata proofOfPossession
    ) external returns (KeyId);

    /// @notice Record a station key on a chain that cannot verify it, for routes whose signatures can only be recorded.
    /// Reverts if the chain can verify it. Requires the role `GATEWAY` or `ADMIN`.
    /// @param name 1 to 64 bytes of UTF-8
    /// @param publicKey key in G2, encoded as in EIP-2537
    /// @param proofOfPossession signature of `hashPossession` in G1, not checked
    function recordStationKey(
        string calldata name,
        bytes32[8] calldata publicKey,
        bytes32[4] calldata proofOfPossession
    ) external returns (KeyId);

    /// @notice Revoke a station key. Earlier proofs remain valid. A revocation can be brought forward but not postponed.
    /// Requires the role `GATEWAY` or `ADMIN` in the organisation of the key.
    /// @param revokedFrom first Unix second at which no proof can use the key, not in the past
    function revokeStationKey(KeyId key, uint64 revokedFrom) external;

    /// @notice Design a route of the caller's organisation. A design is immutable; a design with the same name becomes the
    /// next version. Requires the role `PRODUCER` or `ADMIN`.
    /// @param name 1 to 64 bytes of UTF-8
    /// @param requiresProof whether a batch with this route must be proven before release
    /// @param keys station key of each step, 1 to 64 steps
    /// @param processes name of each step, 1 to 64 bytes of UTF-8
    function designRoute(
        string calldata name,
        RouteKind kind,
        bool requiresProof,
        KeyId[] calldata keys,
        string[] calldata processes
    ) external returns (RouteId);

    /// @notice Prove one subject of a processing route. Requires the role `PRODUCER`, `GATEWAY` or `ADMIN` in any
    /// organisation.
    /// @param messages m_1 to m_k
    function proveRoute(RouteId route, Proof calldata proof, bytes32[] calldata messages) external;

    /// @notice Prove several subjects of one processing route. Skips subjects that are already proven; reverts if one proof
    /// is invalid. Checks one pairing product with 128-bit coefficients that are hashed from all inputs. 64 subjects of 8
    /// steps fit into 2^24 gas. Requires the role `PRODUCER`, `GATEWAY` or `ADMIN` in any organisation.
    /// @param messages m_1 to m_k of the first proof, then of the second, and so on
    /// @return proven which subjects were proven by this call
    function proveRoutes(RouteId route, Proof[] calldata proofs, bytes32[] calldata messages)
        external
        returns (bool[] memory proven);

    /// @notice Prove the assembly of proven components into one subject. c_0 commits to the components and their order.
    /// Limitation: the contract does not prevent a component from going into two assemblies; readers can see it in the
    /// events. Requires the role `PRODUCER`, `GATEWAY` or `ADMIN` in any organisation.
    /// @param messages m_1 to m_k
    /// @param components proven subjects, each listed once
    function proveAssembly(
        RouteId route,
        Proof calldata proof,
        bytes32[] calldata messages,
        Component[] calldata components
    ) external;

    /// @notice Record a signature on a chain that cannot verify it. Reverts if the chain can verify it. Requires the role
    /// `PRODUCER`, `GATEWAY` or `ADMIN` in the organisation of the route, because nothing else keeps out invalid signatures.
    /// @param messages m_1 to m_k
    function recordUnverified(RouteId route, Proof calldata proof, bytes32[] calldata messages) external;

    /// @notice Return a station key; all zeros if it is not registered.
    function stationKey(KeyId key) external view returns (StationKey memory);

    /// @notice Return whether the key was recorded without verification.
    function isUnverified(KeyId key) external view returns (bool);

    /// @notice Return a route design; all zeros if there is none.
    function route(RouteId id) external view returns (Route memory);

    /// @notice Return the station key of each step of a route.
    function keysOf(RouteId id) external view returns (KeyId[] memory);

    /// @notice Return the latest version of an organisation's route; 0 if there is none.
    function versionOf(OrgId organisation, string calldata name) external view returns (uint16);

    /// @notice Return whether the policy of the route requires a proof before release. Reverts if the route is unknown, so
    /// a batch cannot refer to a route before its policy is fixed.
    function requiresProof(RouteId id) external view returns (bool);

    /// @notice Return whether the subject is proven on the route.
    function isProven(RouteId id, bytes32 subject) external view returns (bool);

    /// @notice Return whether an unverified signature of the subject is recorded. It stays recorded after a later proof.
    function isRecordedUnverified(RouteId id, bytes32 subject) external view returns (bool);

    /// @notice Return whether this chain can verify signatures.
    function canVerify() external view returns (bool);

    /// @notice Return the id of a version of an organisation's route, designed or not.
    /// @param version version of the design, starting at 1
    function routeIdOf(OrgId organisation, string calldata name, uint16 version) external pure returns (RouteId);

    /// @notice Return the subject of one unit or component of a batch.
    /// @param unit number of the unit in the batch
    function subjectOf(bytes32 batch, uint32 unit) external pure returns (bytes32);

    /// @notice Return the first link c_0; its last field is 0 without components.
    function originOf(RouteId id, bytes32 subject, Component[] calldata components) external view returns (bytes32);

    /// @notice Return the message m_i: the EIP-712 hash of a step record.
    function hashStep(Step calldata step) external view returns (bytes32);

    /// @notice Return the message that a station signs to prove possession of its key, for one organisation and deployment.
    function hashPossession(KeyId key, OrgId organisation) external view returns (bytes32);
}
// slither-disable-end shadowing-local
