"""The command `chromatrace`: wiring only. Each command is a thin module of this package, loaded when it is used."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

import click

from chromatrace import __version__
from chromatrace.cli.interrupts import cut_short
from chromatrace.cli.output import prompt_password, report_errors, warn
from chromatrace.cli.settings import settings_options
from chromatrace.services.workspace import Workspace
from chromatrace.settings import Settings

COMMANDS = {
    "demo": "chromatrace.cli.demo:demo",
    "up": "chromatrace.cli.up:up",
    "deploy": "chromatrace.cli.deploy:deploy",
    "status": "chromatrace.cli.status:status",
    "key": "chromatrace.cli.key:key",
    "org": "chromatrace.cli.org:org",
    "plant": "chromatrace.plant.__main__:main",
    "ingest": "chromatrace.cli.ingest:ingest",
    "anchor": "chromatrace.cli.anchor:anchor",
    "batch": "chromatrace.cli.batch:batch",
    "find": "chromatrace.cli.find:find",
    "trace": "chromatrace.cli.trace:trace",
    "impact": "chromatrace.cli.trace:impact",
    "order": "chromatrace.cli.find:order",
    "station": "chromatrace.cli.station:station",
    "route": "chromatrace.cli.route:route",
    "inspect": "chromatrace.cli.inspect:inspect",
    "inspector": "chromatrace.cli.inspector:inspector",
    "custody": "chromatrace.cli.custody:custody",
    "record": "chromatrace.cli.record:record",
    "qr": "chromatrace.cli.qr:qr",
    "verify": "chromatrace.cli.verify:verify",
    "epcis": "chromatrace.cli.epcis:epcis",
    "simulate": "chromatrace.cli.simulate:simulate",
    "index": "chromatrace.cli.index:index",
    "settings": "chromatrace.cli.settings:settings",
}


EXTENSIONS_GROUP = "chromatrace.commands"
"""Entry points of commands in other packages: name = module:command."""


class LazyGroup(click.Group):
    """A group that imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *(point.name for point in entry_points(group=EXTENSIONS_GROUP))]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        command: click.Command
        if name in COMMANDS:
            module, attribute = COMMANDS[name].split(":")
            command = getattr(importlib.import_module(module), attribute)
            return command
        for point in entry_points(group=EXTENSIONS_GROUP, name=name):
            command = point.load()
            return command
        return None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for text in args:
            if any("\ud800" <= one <= "\udfff" for one in text):
                raise click.UsageError(f"{text!r} is not UTF-8, which all names, texts and paths have to be.", ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with cut_short():
            return super().invoke(ctx)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        with report_errors():
            return super().main(*args, **kwargs)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
@settings_options(Settings, visible=("data", "config"))
@click.pass_context
def main(ctx: click.Context, /, **options: Any) -> None:
    """Factory traceability from a machine reading to a scanned QR code, on any EVM chain.

    Try `chromatrace demo` first: it starts a local chain and a simulated plant, makes a few batches of
    electrochromic panes and serves the portal where their QR codes can be scanned.

    Options of the connection stand before the command: `chromatrace --rpc-url URL batch show …`. Every command that
    prints facts takes `--json`. Exit status: 0 done, 1 refused or a check failed, 2 wrong usage, 130 cut short
    by Ctrl-C. What serves until Ctrl-C (`up`, `portal serve`, `--watch` …) ends with 0 then.
    """
    ctx.obj = ctx.with_resource(Workspace(Settings.load(options), ask_password=prompt_password, notify=warn))


if __name__ == "__main__":
    main()
