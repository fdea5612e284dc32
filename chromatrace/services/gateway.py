"""The gateway of a plant file: sources with their secrets, the shared spool and the gateway's database."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.gateway.dead_letters import DeadLetters
from chromatrace.gateway.gateway import PlantGateway
from chromatrace.gateway.runners import FolderRunner, HttpRunner, ModbusRunner, MqttRunner, OpcUaRunner, Runner
from chromatrace.gateway.store import GatewayStore
from chromatrace.gateway.tokens import TokenFile
from chromatrace.ingest.layout import Layout
from chromatrace.ingest.opcua.trust import trusted_certificates
from chromatrace.ingest.shared_spool import SharedSpool
from chromatrace.plant.plant_sources import HttpSource, ModbusSource, MqttSource, OpcUaSource, PlantSource
from chromatrace.plant.records import Plant
from chromatrace.services.workspace import Workspace
from chromatrace.storage.lock import LockedError, ProcessLock


def gateway_store(workspace: Workspace) -> GatewayStore:
    """Return the gateway's database in the data folder, which is created if missing."""
    return GatewayStore(workspace.data / "gateway.db")


def http_source(plant: Plant, source_id: str) -> HttpSource:
    """Return an HTTP source of the plant file. Raises `NotFound`."""
    known = [source.id for source in plant.sources if isinstance(source, HttpSource)]
    for source in plant.sources:
        if source.id == source_id and isinstance(source, HttpSource):
            return source
    listed = ", ".join(known) or "none"
    raise NotFound(f"no HTTP source {source_id!r}", field="source", hint=f"HTTP sources of the plant: {listed}")


def token_file(source: HttpSource) -> TokenFile:
    """Return the tokens of an HTTP source."""
    return TokenFile(source.token_file)


def token_files(plant: Plant) -> dict[str, TokenFile]:
    """Return the token file of each HTTP source."""
    return {source.id: token_file(source) for source in plant.sources if isinstance(source, HttpSource)}


@contextmanager
def plant_gateway(workspace: Workspace, plant: Plant) -> Iterator[PlantGateway]:
    """Run the gateway of a plant during the block. One gateway at a time uses a data folder.

    Raises `InvalidInput` if the plant has no sources or one of its files cannot be read, and `Conflict` if another
    gateway runs.
    """
    if not plant.sources:
        raise InvalidInput(f"{plant.name} has no sources", field="sources", hint="add [[sources]] to the plant file")
    with ExitStack() as stack:
        stack.enter_context(_exclusive(workspace.data / "gateway.lock"))
        options = plant.gateway
        spool = stack.enter_context(
            SharedSpool(workspace.data / workspace.settings.spool_path.name, max_waiting=options.buffer_readings)
        )
        store = stack.enter_context(gateway_store(workspace))
        for channel in plant.channels:
            if channel.public:
                spool.make_public(channel.name)
        letters = DeadLetters(store)
        runners = [_runner(workspace, plant, source, spool, store, letters) for source in plant.sources]
        if any(isinstance(source, HttpSource) for source in plant.sources) and not _is_local(options.http[0]):
            workspace.notify(
                "INSECURE: tokens and readings are not encrypted on their way to "
                f"{options.http[0]}:{options.http[1]}; put a TLS proxy in front of it"
            )
        yield stack.enter_context(PlantGateway(plant.name, runners, spool, store, options.http))


def _runner(
    workspace: Workspace,
    plant: Plant,
    source: PlantSource,
    spool: SharedSpool,
    store: GatewayStore,
    letters: DeadLetters,
) -> Runner:
    recorder = letters.recorder(source.id, source.channel)
    options = plant.gateway
    if isinstance(source, OpcUaSource):
        trusted = trusted_certificates(workspace.opcua_trust_folder)
        return OpcUaRunner(source, source.connection(trusted), spool, recorder, options)
    if isinstance(source, MqttSource):
        return MqttRunner(source, source.connection(), spool, recorder, options)
    if isinstance(source, ModbusSource):
        return ModbusRunner(source, spool, recorder)
    if isinstance(source, HttpSource):
        return HttpRunner(source, f"{options.http[0]}:{options.http[1]}", spool, recorder, options)
    layout = plant.layout(source.layout) if source.layout is not None else Layout()
    return FolderRunner(source, layout, spool, store, recorder)


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    try:
        lock = ProcessLock(path, 0.0)
    except LockedError as error:
        error.message = f"another gateway uses this data folder: process {error.holder}"
        error.hint = "stop it first, or use another data folder (--data)"
        raise
    with lock:
        yield


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
