"""All access of the portal to the chain: rights and transactions.

No other package of the portal imports `chromatrace.chain`. A key is unlocked with its owner's password for one request
and then discarded.
"""

from app.services.captures import CaptureRecorder
from app.services.chain import (
    MAX_REASON,
    ChainService,
    Key,
    TransactionOutcome,
    normalise_reason,
)
from app.services.keys import adopt_keystore, change_keystore_password, dev_addresses, new_keystore
from app.services.records import RecordWriter
from chromatrace.ethereum.errors import ContractError
from chromatrace.ethereum.manifest import Manifest

__all__ = [
    "MAX_REASON",
    "CaptureRecorder",
    "ChainService",
    "ContractError",
    "Key",
    "Manifest",
    "RecordWriter",
    "TransactionOutcome",
    "adopt_keystore",
    "change_keystore_password",
    "dev_addresses",
    "new_keystore",
    "normalise_reason",
]
