"""What the chain package refuses.

Unavailable
├── ChainUnavailableError        nothing answers at the RPC URL
├── OutboxFullError              too many calls wait for inclusion
└── InclusionTimeoutError        sent, kept, not yet in a block; the outbox goes on with it
ChromaTraceError
├── RpcError                the node answered with a JSON-RPC error
└── ContractError         a contract reverted; `.name` and `.args_by_name` are those of its custom error
    ├── ...NotAuthorised    also a domain `NotAuthorised`
    ├── ...Conflict         also a domain `Conflict`
    ├── ...InvalidInput     also a domain `InvalidInput`
    └── ...NotFound         also a domain `NotFound`
IntegrityError
└── WrongDeploymentError         the chain is not the one that the manifest or the outbox belongs to
    └── ChainRollbackError       the chain forgot transactions that were final
Conflict
├── InsufficientFundsError       the signer cannot pay for gas
└── IdempotencyKeyError               one idempotency key, two different calls
InvalidInput
├── SignerMissingError           a write without a signer
├── KeystoreError           no keystore, a wrong password, unsafe permissions
└── AbiError                no such contract, function or argument
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
    """Nothing that speaks JSON-RPC answers at the URL."""


class OutboxFullError(Unavailable):
    """The outbox holds as many unfinished calls as it may."""


class InclusionTimeoutError(Unavailable):
    """The transaction is sent and kept but no block has it yet."""


class RpcError(ChromaTraceError):
    """The node answered a request with a JSON-RPC error."""

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{method} failed: {message} [{code}]")
        self.method = method
        self.code = code
        self.node_message = message
        self.data = data


class ContractError(ChromaTraceError):
    """A contract reverted. `name` is its custom error, `args_by_name` the evidence that it carries."""

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
        """The one error shape; `error` is the contract's own error name."""
        return super().as_dict() | {"error": self.name}


class ContractNotAuthorised(ContractError, NotAuthorised):
    """The contract says that the sender may not."""


class ContractConflict(ContractError, Conflict):
    """The contract's state does not allow it."""


class ContractInvalidInput(ContractError, InvalidInput):
    """An argument is wrong."""


class ContractNotFound(ContractError, NotFound):
    """The thing that the call names is not on the chain."""


class WrongDeploymentError(IntegrityError):
    """The chain that answers is not the one that the manifest or the outbox belongs to."""


class ChainRollbackError(WrongDeploymentError):
    """The chain no longer has transactions that had been final."""


class InsufficientFundsError(Conflict):
    """The signer's account cannot pay for the gas."""


class IdempotencyKeyError(Conflict):
    """One idempotency key was given to two different calls."""


class SignerMissingError(InvalidInput):
    """A write was asked of a chain that has no signer."""


class KeystoreError(InvalidInput):
    """A key cannot be had: no such file, a wrong password, unsafe permissions, a dev key on a real chain."""


class AbiError(InvalidInput):
    """No such contract, function or event, or an argument that does not fit its type."""
