"""The command `chromatrace`. Each command is a module of this package, imported when it is used."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

import click

from chromatrace import __version__
from chromatrace.cli.interrupts import interruptible
from chromatrace.cli.output import print_warning, prompt_password, report_errors
from chromatrace.cli.settings import settings_options
from chromatrace.services.workspace import Workspace
from chromatrace.settings import Settings

COMMANDS = {
    "Start": {
        "demo": "Run the full demonstration; no setup required.",
        "simulate": "Simulate inspection by consensus.",
        "verify": "Check a proof bundle offline.",
    },
    "Chain and organisations": {
        "chain": "Run a development chain; deploy and inspect the contracts.",
        "org": "Manage organisations, their operators and read access.",
        "key": "Create, import and fund keys of operators and readers.",
        "index": "Synchronise the SQL index with the chain.",
        "settings": "Show every setting and where its value comes from.",
    },
    "Production line": {
        "plant": "Check plant files, and serve a simulated or recorded plant.",
        "ingest": "Store readings from machines and files in the spool.",
        "gateway": "Run all sources of a plant file; show and replay dead letters.",
        "instrument": "Read result files of laboratory instruments.",
        "log": "Anchor the logs of readings on the chain and verify readings.",
        "twin": "Mirror the plant: state, alarms, forecasts, proposals.",
    },
    "Products and partners": {
        "batch": "Register, trace, release, recall and prove batches.",
        "route": "Design routes; sign and prove that a product followed one.",
        "inspection": "Record inspections by one inspector or by consensus.",
        "order": "Import orders of an ERP or MES; export progress and quality.",
        "custody": "Offer, accept and reject batches.",
        "record": "Add, share and list the records of departments.",
        "qr": "Create and read QR codes and label sheets.",
        "epcis": "Export and check EPCIS 2.0 documents.",
    },
}
"""Summary of each command by heading. The command NAME is the attribute NAME of `chromatrace.cli.NAME`."""

OPTIONS = [
    ("--data DIR", "Data folder. Default: .chromatrace."),
    ("--config FILE", "Settings file. Default: chromatrace.toml in the data folder."),
]
"""The options that `--help` shows; every setting is also an option."""

EXTENSIONS_GROUP = "chromatrace.commands"
"""Entry points of commands in other packages: name = module:command. They appear under `EXTENSIONS_HEADING`."""
EXTENSIONS_HEADING = "Products and partners"


class RootGroup(click.Group):
    """The root command: imports a command when it is used, and lists commands by heading."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        built_in = [name for section in COMMANDS.values() for name in section]
        return [*built_in, *(point.name for point in entry_points(group=EXTENSIONS_GROUP))]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        command: click.Command
        if any(name in section for section in COMMANDS.values()):
            command = getattr(importlib.import_module(f"chromatrace.cli.{name}"), name)
            return command
        for point in entry_points(group=EXTENSIONS_GROUP, name=name):
            command = point.load()
            return command
        return None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the commands first."""
        self.format_commands(ctx, formatter)
        with formatter.section("Options"):
            formatter.write_dl(OPTIONS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, section in COMMANDS.items():
            rows = list(section.items())
            if heading == EXTENSIONS_HEADING:
                rows += [
                    (point.name, point.load().get_short_help_str(80)) for point in entry_points(group=EXTENSIONS_GROUP)
                ]
            with formatter.section(heading):
                formatter.write_dl(rows, col_max=12)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for argument in args:
            if any("\ud800" <= character <= "\udfff" for character in argument):
                raise click.UsageError(f"{argument!r} is not UTF-8.", ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with interruptible():
            return super().invoke(ctx)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        with report_errors():
            return super().main(*args, **kwargs)


@click.group(cls=RootGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
@settings_options(Settings, visible=("data", "config"))
@click.pass_context
def main(ctx: click.Context, /, **options: Any) -> None:
    """Trace goods from a machine reading to a scanned QR code, on any EVM chain.
    Settings (--rpc-url, …) go before the command; see `chromatrace settings`.
    """
    ctx.obj = ctx.with_resource(Workspace(Settings.load(options), ask_password=prompt_password, notify=print_warning))


if __name__ == "__main__":
    main()
