"""Open COUNT channels, singly and in bulk: `python busy_writer.py RPC_URL MANIFEST OUTBOX NAME COUNT`."""

import sys
import warnings
from pathlib import Path

from chromatrace.chain import calls
from chromatrace.chain.client import Chain, Receipt
from chromatrace.chain.outbox import Outbox
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import dev_signer


def main(url, manifest, outbox, name, count):
    warnings.simplefilter("ignore")
    manifest = Manifest.load(Path(manifest))
    chain = Chain(RpcClient(url, 60), manifest, Outbox(outbox), dev_signer(0, manifest.chain_id))
    batch = [calls.open_channel(f"{name}-{number}") for number in range(int(count))]
    alone = len(batch) // 5
    for call in batch[:alone]:
        chain.submit(call)
    outcomes = [chain.send_many(batch[start : start + 20]) for start in range(alone, len(batch), 20)]
    assert all(isinstance(outcome, Receipt) for some in outcomes for outcome in some)


if __name__ == "__main__":
    main(*sys.argv[1:])
