"""A small consortium on a real chain, with its index, documents and readings.

Example Glass makes panes, Example Spectroscopy inspects them, Example Windows sells them. Batches:

    L2410A  released, offered to Example Windows          L2410D  first inspection passed, being assembled
    L2410B  recalled after release                        L2410E  stopped: first inspection failed
    L2410C  on hold                                       L2410F  released, offered, its inspection document altered
    L2410G  released, offered                             L2410H  released

Routes: L2410H has a proven route; L2410D and L2410E have the same route without a proof; L2410C was released with a
route that does not require a proof; the others have no route.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from dev_chain import wait_until_mined
from PIL import Image
from querying import query
from relations import accredit, own_items
from route_line import Line, station

from app import PortalSettings
from app.accounts import create_account
from app.store import PortalDatabase
from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call
from chromatrace.chain.client import Chain
from chromatrace.chain.dev_node import DevNode
from chromatrace.chain.outbox import Outbox
from chromatrace.crypto.eip712 import Inspection, sign_inspection
from chromatrace.crypto.route import Profile, RouteKind, key_words, proof_of, signature_words
from chromatrace.crypto.step import Verifier
from chromatrace.documents.content import (
    BatchContent,
    InspectionEvidence,
    Instrument,
    LimitComparison,
    Measurement,
    ProductDescription,
    ReadingWindow,
    SuppliedMaterial,
)
from chromatrace.documents.results import AttachedResult
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import BatchKey, Gln, Gtin, check_digit
from chromatrace.domain.reading import Reading
from chromatrace.domain.rights import OrganisationKind, Role, SalesChannel, Scope, Stage, Verdict
from chromatrace.domain.serials import SerialRange
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.exchange.units import serial_root
from chromatrace.index import Follower, Index
from chromatrace.ingest.spool import Spool
from chromatrace.instruments import ReadOptions
from chromatrace.instruments.measurement import read_measurement
from chromatrace.instruments.series import SeriesOptions
from chromatrace.merkle.proofs import leaf_hash, root

GTIN = "09521234543213"
PASSWORD = "seven grey panes of glass"
FAR = 4_000_000_000
CHANNEL = "line-1"
STATIONS = (
    "101 Goods in",
    "201 Sputtering, WO3",
    "202 Sputtering, NiO",
    "301 First inspection",
    "302 Lamination",
    "401 Edge seal",
    "402 Final inspection",
    "404 Grading and packing",
)

REGISTRAR, MAKER, LABORATORY, SHOP, OTHER_SHOP = range(5)


def _gln(number: int) -> Gln:
    body = f"9521000000{number:02d}"
    return Gln(body + check_digit(body))


MAKER_GLN = _gln(1)
_FIRST_NS = 1_792_000_000_000_000_000


@dataclass
class World:
    """The running consortium. `chains` has one signer per actor."""

    node: DevNode
    folder: Path
    manifest_path: Path
    manifest: Manifest
    chains: list[Chain]
    index: Index
    follower: Follower
    documents: DocumentStore
    spool: Spool
    organisations: dict[str, int] = field(default_factory=dict)
    routes: dict[str, Line] = field(default_factory=dict)
    shop_account: str = "store-12@example-windows"
    shop_address: str = ""
    maker_account: str = "line@example-glass"

    def config(self, base_url: str, **settings: object) -> PortalSettings:
        """Return the settings of a portal of this consortium."""
        values = {"plot_tags": ("working_pressure", "target_power", "substrate_temperature")} | settings
        return PortalSettings(
            data_folder=self.folder,
            rpc_url=self.node.url,
            manifest_path=self.manifest_path,
            base_url=base_url,
            **values,  # type: ignore[arg-type]
        )

    def key(self, lot: str) -> BatchKey:
        return BatchKey.parse(GTIN, lot)

    def sync(self) -> None:
        """Update the index with all transactions that were sent."""
        wait_until_mined(self.node.rpc())
        self.follower.sync()

    def submit(self, actor: int, call: Call) -> None:
        """Send a call signed by an actor and wait until a block includes it."""
        self.chains[actor].submit(call)

    def close(self) -> None:
        self.index.close()
        self.spool.close()
        for chain in self.chains:
            chain.outbox.close()


def build_world(node: DevNode, manifest_path: Path, folder: Path) -> World:
    """Build the consortium from newly deployed contracts."""
    manifest = Manifest.load(manifest_path)
    chains = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        for actor in range(5):
            signer = dev_signer(actor, node.chain_id)
            chains.append(Chain(node.rpc(), manifest, Outbox(folder / f"outbox-{actor}.db"), signer))
    index = Index(f"sqlite:///{folder / 'index.db'}")
    index.migrate()
    world = World(
        node,
        folder,
        manifest_path,
        manifest,
        chains,
        index,
        Follower(index, node.rpc(), manifest),
        DocumentStore(folder / "documents"),
        Spool(folder / "spool.db"),
    )
    _organisations(world)
    own_items(world.chains[REGISTRAR], world.organisations["maker"], [GTIN])
    accredit(world.chains[MAKER].submit, world.organisations["laboratory"])
    _accounts(world)
    window = _readings(world)
    proven, free = _design(world, "electrochromic pane", required=True), _design(world, "sample pane", required=False)
    routes = {"L2410C": free, "L2410D": proven, "L2410E": proven, "L2410H": proven}
    for lot in ("L2410A", "L2410B", "L2410C", "L2410D", "L2410E", "L2410F", "L2410G", "L2410H"):
        _register(world, lot, routes.get(lot, bytes(32)))
    for lot in ("L2410A", "L2410B", "L2410C", "L2410D", "L2410F", "L2410G", "L2410H"):
        _inspect(world, lot, Stage.FIRST, Verdict.PASS, window)
    _inspect(world, "L2410E", Stage.FIRST, Verdict.FAIL, window)
    for lot in ("L2410A", "L2410B", "L2410C", "L2410F", "L2410G", "L2410H"):
        batch = world.key(lot).batch_id
        world.submit(MAKER, calls.assemble(batch))
        _inspect(world, lot, Stage.FINAL, Verdict.PASS, None)
        world.submit(MAKER, calls.grade(batch, 188, 9, 3))
        if lot == "L2410H":
            _prove(world, "electrochromic pane", lot)
        world.submit(MAKER, calls.release(batch, SalesChannel.STANDARD))
    offer_until = int(time.time()) + 14 * 86_400
    for lot in ("L2410A", "L2410F", "L2410G", "L2410H"):
        world.submit(MAKER, calls.release(world.key(lot).batch_id, SalesChannel.DEFECTIVE))
    for lot in ("L2410A", "L2410F", "L2410G"):
        shop = world.organisations["shop"]
        world.submit(MAKER, calls.offer_custody(world.key(lot).batch_id, shop, offer_until))
    reason = "Electrolyte of supplier lot EL-0098 may leak at the edge seal."
    world.submit(MAKER, calls.recall(world.key("L2410B").batch_id, reason))
    reason = "Thickness readings drifted; under review."
    world.submit(MAKER, calls.hold(world.key("L2410C").batch_id, reason))
    _alter_document(world, "L2410F")
    world.sync()
    return world


def _organisations(world: World) -> None:
    shop_roles = Role.ADMIN | Role.LOGISTICS | Role.FRANCHISEE
    kinds = (
        ("maker", OrganisationKind.MANUFACTURER, MAKER_GLN, "Example Glass", MAKER, Role(sum(Role))),
        ("laboratory", OrganisationKind.LABORATORY, _gln(2), "Example Spectroscopy", LABORATORY, Role.INSPECTOR),
        ("shop", OrganisationKind.FRANCHISEE, _gln(3), "Example Windows", SHOP, shop_roles),
        ("other", OrganisationKind.FRANCHISEE, _gln(4), "Example Facades", OTHER_SHOP, shop_roles),
    )
    for number, (short, kind, gln, name, actor, roles) in enumerate(kinds, start=1):
        world.submit(REGISTRAR, calls.register_organisation(kind, gln, roles, name))
        world.submit(REGISTRAR, calls.appoint_operator(world.chains[actor].sender, number, roles))
        world.organisations[short] = number
    scopes = Scope.PRODUCT | Scope.LOGISTICS | Scope.QUALITY
    world.submit(MAKER, calls.grant_read_scopes(world.organisations["shop"], [Gtin(GTIN)], scopes))


def _accounts(world: World) -> None:
    store = PortalDatabase(f"sqlite:///{world.folder / 'portal.db'}")
    rpc = world.node.rpc()
    for name, organisation, roles in (
        (world.shop_account, "shop", Role.FRANCHISEE | Role.ADMIN),
        (world.maker_account, "maker", Role.PRODUCER | Role.ADMIN),
    ):
        account = create_account(store, world.folder / "keys", name, PASSWORD, demonstration=True)
        world.submit(REGISTRAR, calls.appoint_operator(account.address, world.organisations[organisation], roles))
        rpc.call("anvil_setBalance", account.address, hex(10**18))
        if name == world.shop_account:
            world.shop_address = account.address
    store.close()


def _readings(world: World) -> ReadingWindow:
    """Store and anchor the readings of a sputtering run of twenty minutes."""
    tags = {
        "working_pressure": ("Pa", lambda t: 1.2 + 0.08 * math.sin(t / 40) + 0.01 * math.sin(t * 3.1)),
        "target_power": ("W", lambda t: 300 * (1 - math.exp(-t / 60)) + 2.5 * math.sin(t / 7)),
        "substrate_temperature": ("Cel", lambda t: 25 + 175 * (1 - math.exp(-t / 300)) + 1.5 * math.sin(t / 11)),
        "o2_share": ("%", lambda t: 30 + 1.1 * math.sin(t / 90)),
    }
    readings = []
    for step in range(400):
        at_ns = _FIRST_NS + step * 3_000_000_000
        for tag, (unit, value) in tags.items():
            readings.append(
                Reading("sputter-201", tag, at_ns, at_ns + 5_000_000, value(step * 3.0), unit, sequence=len(readings))
            )
    world.spool.append(CHANNEL, readings)
    stored = list(world.spool.entries(CHANNEL))
    head = root([leaf_hash(entry) for entry in world.spool.log_entries(CHANNEL)])
    first_ns, last_ns = stored[0].source_time_ns, stored[-1].source_time_ns
    world.submit(MAKER, calls.open_channel(CHANNEL))
    channel = world.chains[MAKER].read(reads.channel_id(world.organisations["maker"], CHANNEL))
    world.submit(MAKER, calls.anchor(channel, len(stored), head, first_ns, last_ns))
    return ReadingWindow(CHANNEL, MAKER_GLN, 40, 1_559, len(stored), head, first_ns + 30_000_000_000, last_ns)


def _design(world: World, name: str, *, required: bool) -> bytes:
    """Register the stations if necessary and design a route. Return its identifier."""
    chain = world.chains[MAKER]
    verifier = Verifier(world.manifest.chain_id, world.manifest.address("RouteVerifier"))
    if not world.routes:
        for process in STATIONS:
            registered = station(process, verifier, world.organisations["maker"])
            words = key_words(registered.key), signature_words(registered.possession)
            chain.submit(calls.register_station_key(process, *words))
    line = Line.of(STATIONS, Profile.EVM, verifier, name)
    keys = [known.key_id for known in line.design.stations]
    chain.submit(calls.design_route(name, RouteKind.PROCESSING, required, keys, list(STATIONS)))
    world.routes[name] = line
    return line.design.route


def _prove(world: World, name: str, lot: str) -> None:
    """Prove the route of a batch on the chain."""
    line = world.routes[name]
    proof, messages = proof_of(line.design, line.trace(bytes(world.key(lot).batch_id)))
    world.chains[MAKER].submit(calls.prove_route(line.design.route, proof, messages))


def _register(world: World, lot: str, route: bytes) -> None:
    key = world.key(lot)
    serials = SerialRange(1, 200, 6)
    content = BatchContent(
        gtin=key.gtin,
        lot=key.lot,
        product=ProductDescription(
            "Electrochromic pane EC-633",
            "Window pane that darkens on command: tungsten oxide and nickel oxide on glass.",
        ),
        quantity=200,
        made_at="2026-10-14T06:30:00Z",
        serials=serials,
        materials=(
            SuppliedMaterial("Tungsten target, 99.99 %", "Example Metals", "W-7719"),
            SuppliedMaterial("FTO glass, 3 mm", "Example Float", "FTO-2291"),
            SuppliedMaterial("Solid electrolyte", "Example Polymers", "EL-0098"),
        ),
    )
    digest = world.documents.put(content.to_bytes())
    registration = calls.Registration(key, 200, digest, serial_root(serials), route)
    world.submit(MAKER, calls.register_batch(registration))


def _measurements(stage: Stage, passed: bool) -> tuple[Measurement, ...]:
    minimum, maximum = LimitComparison.AT_LEAST, LimitComparison.AT_MOST
    if stage is Stage.FIRST:
        thickness = 382.0 if passed else 268.0
        return (
            Measurement("film thickness", thickness, "nm", 300.0, minimum, passed),
            Measurement("oxygen deficiency x in WO3-x", 0.24, "", 0.35, maximum, True),
            Measurement("crystalline share (XRD)", 3.1, "%", 10.0, maximum, True),
        )
    return (
        Measurement("optical modulation", 63.2, "%", 40.0, minimum, True, "at 633 nm"),
        Measurement("coloration efficiency", 41.7, "cm²/C", 30.0, minimum, True),
        Measurement("cycling stability", 91.5, "%", 80.0, minimum, True, "after 1,000 cycles"),
        Measurement("switching time, colouring", 18.4, "s", 30.0, maximum, True, "to 90 % of the modulation"),
        Measurement("optical memory", 6.3, "%/24 h", 10.0, maximum, True),
    )


def _inspect(world: World, lot: str, stage: Stage, verdict: Verdict, window: ReadingWindow | None) -> None:
    key, chain = world.key(lot), world.chains[LABORATORY]
    first = stage is Stage.FIRST
    instrument = (
        Instrument("X-ray diffractometer", "XRD-0417", "2026-08-03")
        if first
        else Instrument("Spectrophotometer", "SP-2208", "2026-09-21")
    )
    serials = SerialRange(1, 200, 6)
    evidence = InspectionEvidence(
        gtin=key.gtin,
        lot=key.lot,
        stage=stage,
        inspected_at="2026-10-15T09:12:00Z" if first else "2026-10-19T13:40:00Z",
        instrument=instrument,
        sample=(serials.serial(41), serials.serial(117)),
        measurements=_measurements(stage, verdict is Verdict.PASS),
        readings=window,
        results=_results(world, stage),
    )
    inspection = Inspection(
        batch=key.batch_id,
        stage=stage,
        verdict=verdict,
        revision=1,
        sample_size=2,
        defects=0 if verdict is Verdict.PASS else 2,
        instrument=sha256(str(instrument).encode()).digest(),
        evidence=world.documents.put(evidence.to_bytes()),
        inspected_at=int(time.time()) - 60,
        inspector=chain.sender,
        nonce=int.from_bytes(sha256(f"{lot}{stage}".encode()).digest()[:20], "big") << 64,
        deadline=FAR,
    )
    ledger = world.manifest.address("InspectionLedger")
    signature = sign_inspection(inspection, chain.signer, world.manifest.chain_id, ledger)
    world.submit(MAKER, calls.record_inspection(inspection, signature))


def _results(world: World, stage: Stage) -> tuple[AttachedResult, ...]:
    """Store result files and return the statement about them: an image and a pattern, or spectra and a charge."""
    folder = world.folder / "instrument-files"
    folder.mkdir(exist_ok=True)

    def written(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(text)
        world.documents.put(path.read_bytes())
        return path

    if stage is Stage.FIRST:
        image = folder / "cross-section.png"
        Image.radial_gradient("L").resize((900, 600)).save(image, dpi=(5_000_000, 5_000_000))
        world.documents.put(image.read_bytes())
        angles = [20 + index / 10 for index in range(400)]
        counts = [40 + 900 * math.exp(-(((angle - 23.6) / 0.3) ** 2)) for angle in angles]
        pattern = written("film.xy", "".join(f"{x:.1f} {y:.0f}\n" for x, y in zip(angles, counts, strict=True)))
        groups: list[tuple[list[Path], tuple[Path, Path] | None]] = [([image], None), ([pattern], None)]
    else:
        names = {"bleached.csv": (72.0, 4.0), "coloured.csv": (9.0, 2.0)}
        rows = range(400, 901, 5)
        spectra = [
            written(name, "wavelength [nm],T [%]\n" + "".join(f"{x},{t + r * math.sin(x / 40):.2f}\n" for x in rows))
            for name, (t, r) in names.items()
        ]
        charge = written("charge.csv", "time [s],I [mA]\n" + "".join(f"{x},{-8 + x / 5}\n" for x in range(31)))
        groups = [([charge], (spectra[0], spectra[1]))]
    options = ReadOptions(series=SeriesOptions(area_cm2=9))
    return tuple(read_measurement(files, pair, options).attached() for files, pair in groups)


def _alter_document(world: World, lot: str) -> None:
    """Change a result in the stored document of the final inspection."""
    world.sync()
    final = next(item for item in query(world.index).inspections(world.key(lot).batch_id) if item.stage is Stage.FINAL)
    name = final.evidence.hex()
    path = world.documents.folder / name[:2] / name[2:]
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"63.2", b"83.2"))
