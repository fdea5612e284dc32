"""Release designs, and bind batches and inspections to the released version.

Anyone with the index can check a release without reading it: the entry of the record `design.release` with the key
`<design>/<version>` is about the definition's digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chromatrace.chain.event_logs import events
from chromatrace.documents.content import BatchContent, DesignVersion
from chromatrace.documents.errors import DocumentNotFoundError
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchKey, Gtin
from chromatrace.domain.ledger_entries import RecordId, kind_hash, record_id, subject_id
from chromatrace.plant.design_plan import DESIGN, RELEASE_KIND, DesignPlan, definition_subject, design_subject
from chromatrace.plant.product_definition import check_sheet_in, definition_of
from chromatrace.services.organisations import signer_organisation
from chromatrace.services.records import open_records, plant_of
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import write_whole

if TYPE_CHECKING:
    from chromatrace.index.views import RecordView
    from chromatrace.plant.records import CheckSheet, Plant


def release_design(
    workspace: Workspace, design: str, gtin: Gtin, version: int, experiments: Sequence[str]
) -> tuple[DesignVersion, str]:
    """Release a version of a design: publish the product, route and check sheets of the plant file.

    experiments  records of experiments that support it; at least one

    Returns the version and its transaction. The definition is stored with the documents. Raises `InvalidInput` unless
    the version is the next one, and as `DepartmentRecords.add`, for example for an unknown experiment.
    """
    plant = plant_of(workspace.settings.plant)
    plan = _plan(plant)
    if plan.products.get(gtin) != design:
        raise InvalidInput(
            f"the plant makes {gtin} by design {plan.products.get(gtin)!r}, not by {design!r}",
            field="design",
            hint="set it in [design.products] of the plant file",
        )
    records = open_records(workspace)
    kind = records.catalogue.newest(RELEASE_KIND)
    records.require_writer(kind)
    newest = _newest(workspace, plan, design)
    expected = 1 if newest is None else newest[0] + 1
    if version != expected:
        raise InvalidInput(f"version is {version}; the next version of {design} is {expected}", field="version")
    definition = definition_of(plant, gtin)
    digest = workspace.documents.put(definition)
    path = workspace.data / f"{design}-{version}.design.json".replace("/", "-")
    members = {
        "release_id": f"{design}/{version}",
        "design_id": design,
        "version": version,
        "gtin": str(gtin),
        "experiment_ids": list(experiments),
        "digest": f"0x{digest.hex()}",
        "about": [design_subject(design), definition_subject(digest)],
    }
    try:
        write_whole(path, [definition])
        files = {"definition": path}
        transaction = records.add([records.prepare(records.document(kind, members, files))], [], files)
    finally:
        path.unlink(missing_ok=True)
    workspace.catch_up(workspace.index)
    return DesignVersion(design, version, digest), transaction


def current_design(workspace: Workspace, plant: Plant, gtin: Gtin) -> DesignVersion | None:
    """Return the newest released version of a product's design; None if the plant names no design for it.

    Raises `NotFound` if it is not released, and `Conflict` if the plant file differs from the release.
    """
    plan = plant.section(DESIGN)
    design = plan.products.get(gtin)
    if plan.department is None or design is None:
        return None
    newest = _newest(workspace, plan, design)
    if newest is None:
        raise NotFound(
            f"design {design} of product {gtin} is not released",
            field="design",
            hint="run `chromatrace record design release`",
        )
    version, entries = newest
    digest = hashlib.sha256(definition_of(plant, gtin)).digest()
    if subject_id(definition_subject(digest)) not in {entry.subject for entry in entries}:
        raise Conflict(
            f"product, route or check sheets of {gtin} in the plant file differ from version {version} of design "
            f"{design}",
            field="design",
            hint=f"release version {version + 1}, or use the plant file of version {version}",
        )
    return DesignVersion(design, version, digest)


def with_design(workspace: Workspace, content: BatchContent) -> BatchContent:
    """Return the content of a new batch, naming the released design of its product.

    Raises as `current_design`, and `Conflict` if the content names another version.
    """
    current = current_design(workspace, plant_of(workspace.settings.plant), content.gtin)
    if current is None or content.design == current:
        return content
    if content.design is not None:
        raise Conflict(
            f"the batch names version {content.design.version} of design {content.design.id}; production uses "
            f"version {current.version} of {current.id}",
            field="/design",
            hint="omit the member: the command adds it",
        )
    return replace(content, design=current)


def check_sheet_for(workspace: Workspace, plant: Plant, key: BatchKey, stage: str) -> CheckSheet | None:
    """Return the check sheet of a batch: that of the design version that it names, otherwise that of the plant file.

    Raises `NotFound` if the batch names a version whose definition is not stored here.
    """
    content = _content(workspace, key)
    if content is None or content.design is None:
        return plant.check_sheet_of(key.gtin, stage)
    design = content.design
    try:
        definition = workspace.documents.get(design.digest)
    except DocumentNotFoundError as error:
        raise NotFound(
            f"the definition of version {design.version} of design {design.id} is not stored here",
            field="design",
            hint=f"copy the document 0x{design.digest.hex()} from the organisation that released it",
        ) from error
    return check_sheet_in(definition, stage)


def _content(workspace: Workspace, key: BatchKey) -> BatchContent | None:
    """Return the content document of a batch; None if it is not registered or the document is not stored here."""
    registered = next(events(workspace.reader, "BatchRegistry", "BatchRegistered", bytes(key.batch_id)), None)
    if registered is None:
        return None
    try:
        return BatchContent.from_bytes(workspace.documents.get(registered.args["contentDigest"]))
    except DocumentNotFoundError:
        return None


def _plan(plant: Plant) -> DesignPlan:
    plan = plant.section(DESIGN)
    if plan.department is None:
        raise NotFound("the plant has no designs", field="plant", hint="add [design] to the plant file")
    return plan


def _newest(workspace: Workspace, plan: DesignPlan, design: str) -> tuple[int, tuple[RecordView, ...]] | None:
    """Return the newest released version of a design and its entries. Versions are consecutive."""
    kind = next(kind for kind in plan.record_kinds() if kind.id == RELEASE_KIND)
    organisation = signer_organisation(workspace)
    with workspace.index.snapshot() as snapshot:
        departments = {item.name: item.id for item in snapshot.departments(organisation)}
        department = departments.get(plan.department or "")
        found, version = None, 1
        while True:
            record: RecordId = record_id(RELEASE_KIND, f"{design}/{version}")
            entries = tuple(
                entry
                for entry in snapshot.record(record)
                if entry.department == department and entry.kind == kind_hash(kind.schema) and not entry.repeat
            )
            if not entries:
                return found
            found, version = (version, entries), version + 1
