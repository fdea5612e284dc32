"""The relations that members need before batches are registered and inspected: licences and accreditations.

Fixtures set them here only, so a change of the contracts' rules changes one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.domain.identifiers import CompanyPrefix, Gtin, OrganisationId
from chromatrace.domain.rights import ALL_STAGES


def own_items(registrar: Chain, organisation: int, gtins: Iterable[Gtin | str]) -> None:
    """License the items of these GTINs to an organisation, as the registrar. Items of another organisation move."""
    for gtin in gtins:
        item = gtin if isinstance(gtin, Gtin) else Gtin(gtin)
        prefix = CompanyPrefix.of_item(item)
        owner = registrar.read(reads.licensee_of(item))
        if owner == organisation:
            continue
        if owner:
            registrar.submit(calls.withdraw_licence(prefix))
        registrar.submit(calls.license_prefix(OrganisationId(organisation), prefix))


def accredit(submit: Callable[[calls.Call], Any], *bodies: int) -> None:
    """Accredit organisations for both stages of all products; `submit` sends a call as the producer's administrator."""
    for body in bodies:
        submit(calls.accredit(OrganisationId(body), (), ALL_STAGES))
