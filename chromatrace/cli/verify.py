"""`chromatrace verify`: check a proof bundle offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chromatrace.cli.options import parse_bytes32
from chromatrace.cli.output import emit, json_option, out

if TYPE_CHECKING:
    from rich.tree import Tree

    from chromatrace.exchange.findings import VerificationFinding

NOT_PROVEN = 3
"""Exit status if nothing is invalid, but the bundle is not proven. Click uses 2 for wrong usage."""


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--block-hash", "block_hashes", multiple=True, help="Block hash that you trust; may be repeated.")
@click.option(
    "--rpc", metavar="URL", help="Node that you trust; the block hashes and the batch's current state are read from it."
)
@click.option(
    "--manifest",
    "manifest_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Deployment manifest that you trust, for the addresses of the contracts.",
)
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Result file of an instrument: check its digest and compute its figures again; may be repeated.",
)
@click.option(
    "--strict", is_flag=True, help="Exit with status 1 also if a check is missing or a proven fact is a warning."
)
@json_option
def verify(
    path: Path,
    block_hashes: tuple[str, ...],
    rpc: str | None,
    manifest_path: Path | None,
    files: tuple[Path, ...],
    strict: bool,
    as_json: bool,
) -> None:
    """Check a proof bundle offline.

    FILE is checked against block hashes that you trust. The result is a tree: ✓ valid, ! valid, with a warning
    about the product, ✗ invalid, ? not checked. Blocks are checked only with --block-hash or --rpc, and contracts only
    with --manifest; otherwise the result is NOT PROVEN. With --rpc, a batch that has changed since the bundle was
    written, for example by a recall, is NOT PROVEN either.

    Exit status: 0 if the bundle holds, 1 if anything is invalid, 3 if the bundle is not proven.

    \b
    Example: prove a lot, then check the bundle against a node and a manifest that you trust
      chromatrace batch prove 09521234543213 L2601A -o lot.json
      chromatrace verify lot.json --rpc https://node.example --manifest 7357.json
    """
    from chromatrace.exchange.bundle import Bundle
    from chromatrace.exchange.findings import FindingStatus, conclusion
    from chromatrace.exchange.verifier import verify as check
    from chromatrace.services.verification import view_of_node

    bundle = Bundle.from_bytes(path.read_bytes())
    trusted = [parse_bytes32(f"0x{text.removeprefix('0x')}", "block_hash") for text in block_hashes]
    node = view_of_node(rpc, bundle) if rpc is not None else None
    contracts, chain_id = None, None
    if manifest_path is not None:
        from chromatrace.ethereum.manifest import Manifest

        manifest = Manifest.load(manifest_path)
        chain_id = manifest.chain_id
        contracts = {name: bytes.fromhex(entry.address[2:]) for name, entry in manifest.contracts.items()}
    result = check(bundle, trusted, contracts, chain_id, node, {str(file): file.read_bytes() for file in files})
    lines = conclusion(result)
    counts = {status.value.replace(" ", "_"): count for status, count in result.counts.items()}
    facts = result.as_json() | {"failed": len(result.failures), "counts": counts, "conclusion": lines}
    emit(as_json, facts, lambda: _print(result, lines))
    if result.failures or (strict and (result.unchecked or result.warnings)):
        raise SystemExit(1)
    if result.status is not FindingStatus.HOLDS:
        raise SystemExit(NOT_PROVEN)


_MARKS = {
    "holds": "[green]✓[/]",
    "warning": "[bold black on yellow] ! [/]",
    "fails": "[bold red]✗[/]",
    "not checked": "[yellow]?[/]",
}
_STYLES = {"warning": "bold yellow", "fails": "bold red"}
_VERDICT_STYLES = {"holds": "bold green", "warning": "bold yellow", "fails": "bold red", "not checked": "bold yellow"}


def _print(result: VerificationFinding, lines: list[str]) -> None:
    from rich.text import Text

    out().print(_tree(result))
    warnings = len(result.warnings)
    for index, line in enumerate(lines):
        style = "bold yellow" if index < warnings else _VERDICT_STYLES[result.status.value] if index == warnings else ""
        out().print(Text(line, style=style))


def _tree(finding: VerificationFinding, tree: Tree | None = None) -> Tree:
    from rich.markup import escape
    from rich.tree import Tree as RichTree

    style = _STYLES.get(finding.status.value)
    text = escape(finding.text)
    label = f"{_MARKS[finding.outcome.value]} " + (f"[{style}]{text}[/]" if style else text)
    node = RichTree(label, highlight=False) if tree is None else tree.add(label)
    for part in finding.parts:
        _tree(part, node)
    return node
