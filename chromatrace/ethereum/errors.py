"""Errors of the chain.

Unavailable
├── ChainUnavailableError   no JSON-RPC server responded at the URL
├── MissingLogsError        the node does not serve the logs of some blocks
├── OutboxFullError         the outbox holds its maximum of unfinished calls
└── InclusionTimeoutError   sent and stored, but not yet included in a block
ChromaTraceError
├── RpcError                the node answered with a JSON-RPC error
└── ContractError           a contract reverted
    ├── ContractNotAuthorised    also a `NotAuthorised`
    ├── ContractConflict         also a `Conflict`
    ├── ContractInvalidInput     also an `InvalidInput`
    └── ContractNotFound         also a `NotFound`
IntegrityError
└── WrongDeploymentError    the chain differs from the chain of the manifest or the outbox
Conflict
├── InsufficientFundsError  the signer cannot pay for gas
└── IdempotencyKeyError     one idempotency key, two different calls
InvalidInput
├── SignerMissingError      a write without a signing key
├── KeystoreError           a keystore is missing, unreadable or unsafe, or its password is wrong
└── AbiError                an unknown contract, function or event, or a value that does not fit its type
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chromatrace.domain.errors import (
    ChromaTraceError,
    Conflict,
    IntegrityError,
    InvalidInput,
    NotAuthorised,
    NotFound,
    Unavailable,
)


class ChainUnavailableError(Unavailable):
    """No JSON-RPC server responded at the URL."""


class MissingLogsError(Unavailable):
    """The node does not serve the logs of some blocks."""

    @classmethod
    def of_blocks(cls, url: str, first: int, last: int | str) -> MissingLogsError:
        """Return the error for the blocks `first` to `last` of the node at `url`."""
        blocks = f"block {first}" if first == last else f"blocks {first} to {last}"
        return cls(
            f"{url}: this node does not serve the logs of {blocks}",
            field="rpc_url",
            hint="use a node that keeps the logs and receipts of all blocks since the deployment",
        )


class OutboxFullError(Unavailable):
    """The outbox holds its maximum of unfinished calls."""


class InclusionTimeoutError(Unavailable):
    """The transaction is sent and stored, but not yet included in a block."""


class RpcError(ChromaTraceError):
    """The node answered a request with a JSON-RPC error."""

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{method} failed: {message} [{code}]")
        self.method = method
        self.code = code
        self.node_message = message
        self.data = data


class ContractError(ChromaTraceError):
    """A contract reverted. `name` and `args_by_name` are those of its custom error."""

    def __init__(
        self,
        name: str,
        args_by_name: Mapping[str, Any],
        message: str,
        *,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        self.name = name
        self.args_by_name = dict(args_by_name)

    def as_dict(self) -> dict[str, str]:
        """Return the error as JSON; `error` is the name of the contract's error."""
        return super().as_dict() | {"error": self.name}


class ContractNotAuthorised(ContractError, NotAuthorised):
    """The contract does not authorise the sender."""


class ContractConflict(ContractError, Conflict):
    """The contract's state does not allow the call."""


class ContractInvalidInput(ContractError, InvalidInput):
    """An argument is invalid."""


class ContractNotFound(ContractError, NotFound):
    """An object that the call names does not exist on the chain."""


class WrongDeploymentError(IntegrityError):
    """The chain differs from the chain of the manifest or the outbox."""


class InsufficientFundsError(Conflict):
    """The signer's account cannot pay for gas."""


class IdempotencyKeyError(Conflict):
    """One idempotency key was used for two different calls."""


class SignerMissingError(InvalidInput):
    """A write requires a signing key or an outbox that is not configured."""


class KeystoreError(InvalidInput):
    """A keystore is missing, unreadable or unsafe, its password is wrong, or a development key is on a public chain."""


class AbiError(InvalidInput):
    """A contract, function or event is unknown, or a value does not fit its type."""
