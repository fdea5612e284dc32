"""The one command port: every question of rights to the chain, and every write, goes through here.

No other package of the portal imports `chromatrace.chain`. A key is unlocked by its owner's password for one action and
forgotten with it; the portal never holds an unlocked one.
"""

from app.services.captures import CaptureRecorder
from app.services.chain import MAX_REASON, ChainService, Key, TransactionOutcome, WalletCall, checked_reason
from app.services.keys import adopt_keystore, dev_addresses, new_keystore
from app.services.records import RecordWriter
from chromatrace.chain.commands import Parts
from chromatrace.ethereum.errors import ContractError
from chromatrace.ethereum.manifest import Manifest

__all__ = [
    "MAX_REASON",
    "CaptureRecorder",
    "ChainPort",
    "ContractError",
    "Key",
    "Manifest",
    "Outcome",
    "Parts",
    "RecordWriter",
    "WalletCall",
    "adopt_keystore",
    "checked_reason",
    "dev_addresses",
    "new_keystore",
]
