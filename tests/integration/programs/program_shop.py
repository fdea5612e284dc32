"""A workshop with a programming department and two machines, operated by the command line."""

from __future__ import annotations

from department_shop import ADMINISTRATOR, GLN, REGISTRAR, Shop, address

ENGINEER, MILL, LATHE = 2, 3, 4
PLANT = """
schema = "chromatrace.plant/1"
name = "workshop"
title = "Workshop"
[[stations]]
id = "1"
name = "Milling"
[[products]]
gtin = "09521234543213"
name = "Bracket"
route = ["1"]
[[channels]]
name = "line"
[[sources]]
id = "mill"
protocol = "opcua"
channel = "line"
endpoint = "{url}"
nodes = ["ns=2;s=State", "ns=2;s=Count", "ns=2;s=Reason"]
source = "mill"
accept_unencrypted = true
[[machines]]
id = "mill"
name = "Mill"
station = "1"
source = "mill"
state_tag = "State"
states = { running = [1], stopped = [3] }
count_tag = "Count"
reason_tag = "Reason"
[[machines]]
id = "lathe"
name = "Lathe"
station = "1"
[[tags]]
name = "State"
station = "1"
[[tags]]
name = "Count"
station = "1"
[[tags]]
name = "Reason"
station = "1"
[programs]
department = "Programming"
station = "1"
[[programs.machines]]
machine = "mill"
department = "Mill"
reader_file = "mill.reader"
source = "mill"
[programs.machines.opcua]
program = "ns=2;s=Program"
name = "ns=2;s=ProgramName"
running = "ns=2;s=Running"
object = "ns=2;s=mill"
start = "ns=2;s=Start"
stop = "ns=2;s=Stop"
[[programs.machines]]
machine = "lathe"
department = "Lathe"
reader_file = "lathe.reader"
folder = "lathe"
"""


class Workshop(Shop):
    """Each participant has a data folder of its own; they share the chain and the vault."""

    def program(self, account, *arguments, status=0):
        return self.run(account, "twin", "program", *arguments, status=status)

    def options(self, account):
        return ["--data", self.folder / f"data-{account}", "--vault", self.folder / "vault"]

    def run(self, account, *arguments, status=0):
        own = ["--plant", self.folder / "plant.toml", *self.options(account)]
        return super().run(account, *own, *arguments, status=status)


def appoint(shop):
    """Register the organisation, its departments and operators. A machine's gateway may read the releases."""
    shop.run(REGISTRAR, "org", "register", GLN, "Example", "--kind", "manufacturer", "--roles", "admin,gateway")
    shop.run(REGISTRAR, "org", "appoint", address(ADMINISTRATOR), GLN, "--roles", "admin")
    shop.run(ADMINISTRATOR, "record", "open")
    for department, account in (("Programming", ENGINEER), ("Mill", MILL), ("Lathe", LATHE)):
        shop.run(REGISTRAR, "org", "appoint", address(account), GLN, "--roles", "gateway")
        shop.run(ADMINISTRATOR, "record", "member", department, address(account))
        key = shop.run(account, "key", "reader", department)
        (shop.folder / f"{department.lower()}.reader").write_text(key["reader"])
        if account != ENGINEER:
            shop.run(ADMINISTRATOR, "record", "member", "Programming", address(account), "--rights", "read")
