"""An organisation that develops a pane, makes it and inspects it."""

from __future__ import annotations

from department_shop import ADMINISTRATOR, GLN, REGISTRAR, Shop, address

DEVELOPER, PRODUCER = 2, 3
GTIN = "09521234543213"
PLANT = """
schema = "chromatrace.plant/1"
name = "panes"
title = "Panes"
[[stations]]
id = "201"
name = "Sputtering"
[[stations]]
id = "303"
name = "Inspection"
after = ["201"]
[[products]]
gtin = "09521234543213"
name = "Pane"
route = ["201", "303"]
[[check_sheets]]
id = "first"
station = "303"
stage = "first"
[[check_sheets.checks]]
quantity = "optical modulation"
unit = "%"
comparison = ">="
limit = {limit}
[design]
department = "Product development"
station = "201"
[design.products]
09521234543213 = "D-7"
"""


class DesignShop(Shop):
    def plant(self, limit):
        (self.folder / "plant.toml").write_text(PLANT.format(limit=limit))

    def run(self, account, *arguments, status=0):
        return super().run(account, "--plant", self.folder / "plant.toml", *arguments, status=status)

    def release(self, version, *experiments, status=0):
        named = [argument for name in experiments for argument in ("--experiment", name)]
        return self.run(
            DEVELOPER, "record", "design", "release", "D-7", GTIN, "--version", version, *named, status=status
        )

    def record(self, kind, key, *, status=0, **members):
        """Add a simulation or an experiment with its file."""
        data = self.folder / f"{key}.csv"
        data.write_text(f"{key}\n1;2;3\n")
        document = {
            "schema": f"chromatrace.record/design.{kind}/1",
            f"{kind}_id": key,
            "design": "design/D-7",
            "title": "Optical modulation of WO3",
            "parameters": ["thickness = 380 nm", "oxygen share = 30 %"],
            "results": ["optical modulation = 48 %"],
            "time": "2026-10-01T08:00:00Z",
        } | members
        file = "output_file" if kind == "simulation" else "data_file"
        return self.run(DEVELOPER, "record", "add", self.write(document), "--attach", f"{file}={data}", status=status)

    def register(self, lot, *, status=0, **members):
        content = {
            "schema": "chromatrace.batch/1",
            "gtin": GTIN,
            "lot": lot,
            "product": {"name": "Pane", "description": ""},
            "quantity": 10,
            "made_at": "2026-11-01T08:00:00Z",
            "serials": None,
            "materials": [],
        } | members
        return self.run(PRODUCER, "batch", "register", self.write(content), status=status)

    def sign(self, lot, limit, *, status=0):
        evidence = {
            "schema": "chromatrace.inspection/1",
            "gtin": GTIN,
            "lot": lot,
            "stage": "first",
            "inspected_at": "2026-11-02T10:00:00Z",
            "instrument": {"name": "Meter", "serial": "M-1", "calibrated_on": "2026-10-03"},
            "sample": [],
            "measurements": [
                {
                    "quantity": "optical modulation",
                    "value": 52.0,
                    "unit": "%",
                    "comparison": ">=",
                    "limit": limit,
                    "passed": True,
                }
            ],
            "readings": None,
        }
        output = self.folder / "signed.json"
        return self.run(
            PRODUCER,
            *("inspection", "sign", self.write(evidence), "--sample-size", 1, "--defects", 0, "-o", output),
            status=status,
        )


def appoint(shop):
    """Register the organisation, its operators and the department of product development."""
    roles = "admin,gateway,producer,inspector"
    shop.run(REGISTRAR, "org", "register", GLN, "Example", "--kind", "manufacturer", "--roles", roles)
    shop.run(REGISTRAR, "org", "license", GLN, GTIN[1:13])
    shop.run(REGISTRAR, "org", "appoint", address(ADMINISTRATOR), GLN, "--roles", "admin")
    shop.run(ADMINISTRATOR, "record", "open")
    shop.run(REGISTRAR, "org", "appoint", address(DEVELOPER), GLN, "--roles", "gateway")
    shop.run(REGISTRAR, "org", "appoint", address(PRODUCER), GLN, "--roles", "producer,inspector")
    shop.run(ADMINISTRATOR, "record", "member", "Product development", address(DEVELOPER))
    shop.run(DEVELOPER, "key", "reader", "Product development")
