"""An attack by a member: a competitor's inspector signs a failing verdict about a released lot of the maker."""

from __future__ import annotations

from chromatrace.chain import calls, reads
from chromatrace.crypto.eip712 import Inspection, sign_inspection
from chromatrace.demo.cast import Actor, Cast
from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.identifiers import ZERO_BYTES32, BatchKey
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.ethereum.errors import ContractError


def competitors_fail(cast: Cast, key: BatchKey) -> str:
    """Submit the competitor's verdict, and check that the contract rejects it and the lot is unchanged."""
    rival = cast.acting(Actor.COMPETITOR)
    chain, signer = rival.chain, cast.signers[Actor.COMPETITOR]
    before = chain.read(reads.batch(key.batch_id))
    now = int(rival.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    inspection = Inspection(
        batch=key.batch_id,
        stage=Stage.FINAL,
        verdict=Verdict.FAIL,
        revision=before.final_revision + 1,
        sample_size=1,
        defects=1,
        instrument=ZERO_BYTES32,
        evidence=ZERO_BYTES32,
        inspected_at=now,
        inspector=signer.address,
        nonce=0,
        deadline=now + 3_600,
    )
    signature = sign_inspection(inspection, signer, rival.chain_id, rival.manifest.address("InspectionLedger"))
    try:
        chain.simulate(calls.record_inspection(inspection, signature))
    except ContractError as error:
        if error.name != "NotAccredited":
            raise
    else:
        raise IntegrityError(f"a competitor can fail lot {key.lot}", field="attack")
    if chain.read(reads.batch(key.batch_id)) != before:
        raise IntegrityError(f"the attack changed lot {key.lot}", field="attack")
    return "a competitor's failing verdict about a released lot was rejected: its laboratory is not accredited"
