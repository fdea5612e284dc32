"""A writer that is killed at a given moment: `python crashing_writer.py RPC_URL MANIFEST OUTBOX MOMENT KEY`.

It opens the channel KEY. MOMENT is one of `MOMENTS`, or "never".
"""

import os
import signal
import sys
import warnings
from pathlib import Path

from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import dev_signer

MOMENTS = ("queued", "signed", "broadcast", "sent", "included")


def kill_self(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def kill_after(owner, name):
    """Replace a method by one that kills the process after the original method."""
    method = getattr(owner, name)

    def wrapped(self, *args, **kwargs):
        method(self, *args, **kwargs)
        kill_self()

    setattr(owner, name, wrapped)


def kill_after_sending():
    exchange = RpcClient.batch_outcomes

    def wrapped(self, requests):
        outcomes = exchange(self, requests)
        if any(method == "eth_sendRawTransaction" for method, _ in requests):
            kill_self()
        return outcomes

    RpcClient.batch_outcomes = wrapped


def main(url, manifest, outbox, moment, key):
    warnings.simplefilter("ignore")
    manifest = Manifest.load(Path(manifest))
    chain = Chain(RpcClient(url), manifest, Outbox(outbox), dev_signer(0, manifest.chain_id))
    call = calls.open_channel(key).with_key(key)
    if moment == "queued":
        chain.queue([call])
        kill_self()
    elif moment == "signed":
        kill_after(Outbox, "sign")
    elif moment == "broadcast":
        kill_after_sending()
    elif moment == "sent":
        kill_after(Outbox, "mark_sent")
    elif moment == "included":
        kill_after(Outbox, "mark_included")
    chain.submit(call)


if __name__ == "__main__":
    main(*sys.argv[1:])
