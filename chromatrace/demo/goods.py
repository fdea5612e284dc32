"""QR codes, label sheet and proof bundles of the demonstration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chromatrace.demo.story import SERIALS, Story
from chromatrace.domain.identifiers import Serial
from chromatrace.identity.digital_link import uri_for_batch, uri_for_unit
from chromatrace.identity.labels import label_sheet
from chromatrace.identity.qr import encode
from chromatrace.services.bundle import build_bundle
from chromatrace.services.workspace import Workspace

UNITS = ("000042", "000007")


@dataclass(frozen=True, slots=True)
class Printed:
    """Files and URIs; batches by letter."""

    uris: dict[str, str]
    unit_uris: list[str]
    codes: list[Path]
    labels: Path
    bundles: dict[str, Path]


def mint(workspace: Workspace, story: Story) -> Printed:
    """Write a code for each lot and for some units, a label sheet for lot A, and a bundle for each lot."""
    folder = workspace.data / "codes"
    folder.mkdir()
    base = workspace.settings.code_url
    uris = {letter: uri_for_batch(base, key) for letter, key in story.keys.items()}
    units = [uri_for_unit(base, story.keys["A"], Serial(serial)) for serial in UNITS]
    codes = []
    names = [f"{story.keys['A'].lot}-{serial}" for serial in UNITS] + [str(key.lot) for key in story.keys.values()]
    for name, uri in zip(names, [*units, *uris.values()], strict=True):
        code = encode(uri)
        codes.append(folder / f"{name}.png")
        codes[-1].write_bytes(code.png())
        codes[-1].with_suffix(".svg").write_bytes(code.svg())
    labels = folder / f"{story.keys['A'].lot}-labels.pdf"
    labels.write_bytes(label_sheet(base, story.keys["A"], SERIALS, title="Electrochromic pane"))
    bundles = {}
    for letter, key in story.keys.items():
        bundles[letter] = workspace.data / f"{key.lot}.bundle.json"
        bundles[letter].write_bytes(
            build_bundle(workspace, key, Serial(UNITS[0]), story.route.traces[letter]).to_bytes()
        )
    return Printed(uris, units, codes, labels, bundles)
