"""`chromatrace verify`: hold readings and proof bundles against the chain, or against a block hash alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from chromatrace.cli.output import emit, json_option, out, progress
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import OrganisationId
from chromatrace.services.reading_proofs import check_channel, check_reading
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from rich.tree import Tree

    from chromatrace.exchange.bundle import Bundle
    from chromatrace.exchange.findings import VerificationFinding


class _FilesToo(click.Group):
    """`verify FILE` is `verify bundle FILE`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and Path(args[0]).is_file():
            args = ["bundle", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_FilesToo)
def verify() -> None:
    """Check what is claimed: nothing here trusts our own database.

    `chromatrace verify FILE` checks a proof bundle, as `chromatrace verify bundle FILE` does.
    """


@verify.command()
@click.option("--channel", help="Channel of a reading in the local spool.")
@click.option("--source", help="Its source.")
@click.option("--tag", help="Its tag.")
@click.option("--time-ns", type=int, help="Its source time, Unix nanoseconds.")
@click.option("--all", "everything", is_flag=True, help="Every reading of --channel instead of one.")
@click.option("--proof", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A proof file instead.")
@click.option("--write", type=click.Path(path_type=Path, dir_okay=False), help="Write the proof, for others to check.")
@click.option(
    "--organisation",
    type=click.IntRange(1, 2**32 - 1),
    help="Whose channel it is. Needed where several have one of that name.",
)
@json_option
@click.pass_obj
def reading(
    workspace: Workspace,
    channel: str | None,
    source: str | None,
    tag: str | None,
    time_ns: int | None,
    everything: bool,
    proof: Path | None,
    write: Path | None,
    organisation: OrganisationId | None,
    as_json: bool,
) -> None:
    """Show that a reading lies under a root that stands on the chain.

    The reading comes from the local spool (--channel --source --tag --time-ns) or from a proof file (--proof). With
    --all, every reading of the channel is checked: the roots are computed anew from the spool. The anchors are asked
    of the node (--rpc-url), not of our index: verify against a node that you trust. Exit status 1 where anything
    fails, or a reading is under no root yet.
    """
    if everything:
        name = _needed(channel, "channel")
        total = workspace.spool.size(name)
        with progress(f"hashing {name}", total=total, hidden=as_json) as show:
            facts = check_channel(workspace, name, organisation, show)
        emit(as_json, facts)
        if not facts["verified"]:
            waiting = facts["readings"] - facts["under_a_root_on_the_chain"]
            click.echo(f"{waiting:,} readings are under no root on the chain yet: `chromatrace anchor`", err=True)
            raise SystemExit(1)
        return
    if proof is not None:
        from chromatrace.anchor import ReadingProof

        try:
            found = ReadingProof.from_dict(orjson.loads(proof.read_bytes()))
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"{proof} is not JSON: {error}", field="proof") from error
    else:
        anchorer = workspace.proofs
        found = anchorer.prove(
            _needed(channel, "channel"), _needed(source, "source"), _needed(tag, "tag"), _needed(time_ns, "time_ns")
        )
    facts = check_reading(workspace, found, organisation)
    if write is not None:
        deliver(write, [orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2), b"\n"])
    emit(as_json, facts)


def _needed(value: Any, name: str) -> Any:
    if value is None:
        raise InvalidInput("this option is needed", field=name, hint="see `chromatrace verify reading --help`")
    return value


@verify.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--block-hash", "block_hashes", multiple=True, help="A block hash that you trust; may be repeated.")
@click.option("--rpc", help="A node that you trust: it is asked for the block hashes.")
@click.option(
    "--manifest",
    "manifest_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Deployment manifest that you trust: the contracts' addresses are held against it.",
)
@click.option("--strict", is_flag=True, help="Exit status 1 also where anything was not checked or speaks against it.")
@json_option
def bundle(
    path: Path,
    block_hashes: tuple[str, ...],
    rpc: str | None,
    manifest_path: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Check a proof bundle offline, against nothing but block hashes that you trust.

    Prints a tree of what holds (✓), what is proven and speaks against the goods (!), what fails (✗) and what was not
    checked (?). Exit status 1 where anything fails.

    Without --block-hash or --rpc nobody vouches for the blocks, without --manifest for the contracts: the result is
    then NOT PROVEN, however well the bundle agrees with itself.
    """
    from chromatrace.exchange.bundle import Bundle
    from chromatrace.exchange.findings import FindingStatus, conclusion
    from chromatrace.exchange.verifier import verify as check

    parsed = Bundle.from_bytes(path.read_bytes())
    trusted = [_block_hash(text) for text in block_hashes]
    head = None
    if rpc is not None:
        from_node, head = _hashes_from(rpc, parsed)
        trusted += from_node
    contracts, chain_id = None, None
    if manifest_path is not None:
        from chromatrace.ethereum.manifest import Manifest

        manifest = Manifest.load(manifest_path)
        chain_id = manifest.chain_id
        contracts = {name: bytes.fromhex(entry.address[2:]) for name, entry in manifest.contracts.items()}
    result = check(parsed, trusted, contracts, chain_id, head)
    lines = conclusion(result)
    counts = {status.value.replace(" ", "_"): count for status, count in result.counts.items()}
    facts = result.as_json() | {"failed": len(result.failures), "counts": counts, "conclusion": lines}
    emit(as_json, facts, lambda: _show(result, lines))
    if result.failures or (
        strict and (result.unchecked or result.warnings or result.status is not FindingStatus.HOLDS)
    ):
        raise SystemExit(1)


def _block_hash(text: str) -> bytes:
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 32:
        raise InvalidInput(f"0x and 64 hexadecimal digits are needed, got {text!r}", field="block_hash")
    return found


def _hashes_from(url: str, parsed: Bundle) -> tuple[list[bytes], int]:
    """The hashes that the node has for the bundle's newest block and at each gap, and the number of its own newest."""
    from chromatrace.ethereum.rpc import RpcClient
    from chromatrace.exchange.collect import gaps

    node = RpcClient(url)
    chain_id = int(node.call("eth_chainId"), 16)
    if chain_id != parsed.chain_id:
        raise InvalidInput(
            f"the node follows chain {chain_id}, the bundle is for chain {parsed.chain_id}",
            field="rpc",
            hint="name a node of the bundle's chain",
        )
    blocks = node.batch([("eth_getBlockByNumber", [hex(number), False]) for number in gaps(parsed)])
    head = int(node.call("eth_blockNumber"), 16)
    return [bytes.fromhex(block["hash"][2:]) for block in blocks if block is not None], head


_MARKS = {
    "holds": "[green]✓[/]",
    "warning": "[bold black on yellow] ! [/]",
    "fails": "[bold red]✗[/]",
    "not checked": "[yellow]?[/]",
}
_STYLES = {"warning": "bold yellow", "fails": "bold red"}


def _show(result: VerificationFinding, lines: list[str]) -> None:
    from rich.text import Text

    out.print(_tree(result))
    for line in lines:
        style = {"!": "bold yellow", "D": "bold red", "N": "bold yellow", "H": "bold green"}.get(line[:1], "")
        out.print(Text(line, style=style))


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
