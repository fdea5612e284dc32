"""An engineer-to-order plant with six departments on a chain, operated by the command line."""

from __future__ import annotations

import json
import sys
import warnings

from click.testing import CliRunner
from contract_order import CONTRACT, story

from chromatrace.cli import main
from chromatrace.domain.identifiers import check_digit
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.plant import example_plant
from chromatrace.records.catalogue import Catalogue

GLN, OTHER_GLN = (body + check_digit(body) for body in ("952123400000", "952123400001"))
REGISTRAR, ADMINISTRATOR = 0, 1
SALES, DESIGN, PRODUCTION, PROCESSING, ASSEMBLY, QUALITY = range(2, 8)
SUPERVISOR, OUTSIDER, COMPETITOR = 8, 9, 10
CATALOGUE = Catalogue(example_plant("engineer-to-order").record_kinds)
DEPARTMENTS = dict(zip(CATALOGUE.departments, (SALES, DESIGN, PRODUCTION, PROCESSING, ASSEMBLY, QUALITY), strict=True))


class Shop:
    """A deployment with six departments, each with an operator and a reader key in the shared data folder."""

    def __init__(self, node, manifest, folder):
        self.node, self.manifest, self.folder = node, manifest, folder

    def run(self, account, *arguments, status=0):
        """Run a command with a development account and return its JSON output."""
        options = ["--rpc-url", self.node.url, "--manifest", str(self.manifest), "--data", str(self.folder / "data")]
        signer = [] if account is None else ["--dev-account", str(account)]
        command = [*options, *signer, *map(str, arguments), "--json"]
        before, sys.argv = sys.argv, ["chromatrace", *command]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DevKeyWarning)
                result = CliRunner().invoke(main, command)
        finally:
            sys.argv = before
        assert result.exit_code == status, result.output
        return json.loads(result.stdout)

    def error(self, account, *arguments):
        """Return name and field of the error."""
        report = self.run(account, *arguments, status=1)
        return report["error"], report.get("field")

    def write(self, value):
        """Write a document to a file and return its path."""
        path = self.folder / "document.json"
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        return path

    def add(self, account, value, *arguments):
        return self.run(account, "record", "add", self.write(value), *arguments)

    def stored(self):
        """Return all files of the vault."""
        return {path for path in (self.folder / "data" / "vault").rglob("*") if path.is_file() and path.name != ".lock"}

    def blocks(self):
        return int(self.node.rpc().call("eth_blockNumber"), 16)


def dev(account):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        return dev_signer(account, 31337)


def address(account):
    return dev(account).address


def appoint(shop):
    """Register the plant, its operators and departments, and a competing organisation."""
    roles = "admin,gateway,supervisor"
    for gln, name in ((GLN, "Example Gears"), (OTHER_GLN, "Example Competitor")):
        shop.run(REGISTRAR, "org", "register", gln, name, "--kind", "manufacturer", "--roles", roles)
    shop.run(REGISTRAR, "org", "appoint", address(ADMINISTRATOR), GLN, "--roles", "admin")
    shop.run(REGISTRAR, "org", "appoint", address(SUPERVISOR), GLN, "--roles", "supervisor")
    shop.run(REGISTRAR, "org", "appoint", address(COMPETITOR), OTHER_GLN, "--roles", roles)
    opened = shop.run(ADMINISTRATOR, "record", "open")
    assert list(opened["departments"]) == list(DEPARTMENTS)
    for department, account in DEPARTMENTS.items():
        shop.run(REGISTRAR, "org", "appoint", address(account), GLN, "--roles", "gateway")
        shop.run(ADMINISTRATOR, "record", "member", department, address(account))
        shop.run(account, "key", "reader", department)


def append_contract(shop):
    """Append the contract and all documents of both products; return the transactions in order."""
    drawing = shop.folder / "drawing.step"
    drawing.write_bytes(b"ISO-10303-21;" * 50_000)
    transactions = [shop.add(SALES, CONTRACT)["tx"]]
    for product in ("P-1", "P-2"):
        for value in story(product):
            department = CATALOGUE.by_schema(value["schema"]).department
            arguments = ["--attach", f"drawing_file={drawing}"] if "drawing_file" in value else []
            transactions.append(shop.add(DEPARTMENTS[department], value, *arguments)["tx"])
    return transactions
