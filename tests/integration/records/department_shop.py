"""An engineer-to-order shop with six departments on a chain, worked on by the command line."""

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
SUPERVISOR, STRANGER, RIVAL = 8, 9, 10
CATALOGUE = Catalogue(example_plant("engineer-to-order").record_kinds)
DEPARTMENTS = dict(zip(CATALOGUE.departments, (SALES, DESIGN, PRODUCTION, PROCESSING, ASSEMBLY, QUALITY), strict=True))


class Shop:
    """A deployment with the six departments, each with one operator and its reading key in the one data folder."""

    def __init__(self, node, manifest, folder):
        self.node, self.manifest, self.folder = node, manifest, folder

    def run(self, account, *words, status=0):
        """Runs the command as a dev account, and gives what it printed."""
        options = ["--rpc-url", self.node.url, "--manifest", str(self.manifest), "--data", str(self.folder / "data")]
        signer = [] if account is None else ["--dev-account", str(account)]
        arguments = [*options, *signer, *map(str, words), "--json"]
        before, sys.argv = sys.argv, ["chromatrace", *arguments]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DevKeyWarning)
                answer = CliRunner().invoke(main, arguments)
        finally:
            sys.argv = before
        assert answer.exit_code == status, answer.output
        return json.loads(answer.stdout)

    def refused(self, account, *words):
        """The refusal: its name and field."""
        said = self.run(account, *words, status=1)
        return said["error"], said.get("field")

    def write(self, value):
        """A file with a document."""
        path = self.folder / "document.json"
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        return path

    def add(self, account, value, *words):
        return self.run(account, "record", "add", self.write(value), *words)

    def stored(self):
        """Every file of the content store."""
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
    """The plant with its people and departments, and a rival of it."""
    roles = "admin,gateway,supervisor"
    for gln, name in ((GLN, "Example Gears"), (OTHER_GLN, "Example Rival")):
        shop.run(REGISTRAR, "org", "register", gln, name, "--kind", "manufacturer", "--roles", roles)
    shop.run(REGISTRAR, "org", "appoint", address(ADMINISTRATOR), GLN, "--roles", "admin")
    shop.run(REGISTRAR, "org", "appoint", address(SUPERVISOR), GLN, "--roles", "supervisor")
    shop.run(REGISTRAR, "org", "appoint", address(RIVAL), OTHER_GLN, "--roles", roles)
    opened = shop.run(ADMINISTRATOR, "record", "open")
    assert list(opened["departments"]) == list(DEPARTMENTS)
    for department, account in DEPARTMENTS.items():
        shop.run(REGISTRAR, "org", "appoint", address(account), GLN, "--roles", "gateway")
        shop.run(ADMINISTRATOR, "record", "member", department, address(account))
        shop.run(account, "key", "reader", department)


def through_the_departments(shop):
    """The transactions of the contract and both its products, in the order of the departments."""
    drawing = shop.folder / "drawing.step"
    drawing.write_bytes(b"ISO-10303-21;" * 50_000)
    transactions = [shop.add(SALES, CONTRACT)["tx"]]
    for product in ("P-1", "P-2"):
        for value in story(product):
            department = CATALOGUE.by_schema(value["schema"]).department
            words = ["--attach", f"drawing_file={drawing}"] if "drawing_file" in value else []
            transactions.append(shop.add(DEPARTMENTS[department], value, *words)["tx"])
    return transactions
