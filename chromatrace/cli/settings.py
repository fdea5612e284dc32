"""Options made of declared settings, and `chromatrace settings`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import click

from chromatrace.cli.output import emit, json_option, print_line
from chromatrace.services.workspace import Workspace
from chromatrace.settings import Declaration, declarations, resolve, resolve_all, sections

Command = TypeVar("Command", bound=Callable[..., Any])


def settings_options(
    owner: type,
    *,
    only: Collection[str] | None = None,
    omit: Collection[str] = (),
    visible: Collection[str] | None = None,
) -> Callable[[Command], Command]:
    """Add an option for each setting that `owner` declares, or for `only` these, without those in `omit`.

    visible  the settings that `--help` shows; None: all
    The command receives None, or (), for an option that is not on the command line; `resolve` returns its value.
    """

    def decorate(command: Command) -> Command:
        for declaration in reversed(declarations(owner)):
            if declaration.name in omit or (only is not None and declaration.name not in only):
                continue
            hidden = visible is not None and declaration.name not in visible
            command = _option(declaration, hidden)(command)
        return command

    return decorate


def _option(declaration: Declaration, hidden: bool) -> Callable[[Command], Command]:
    text = f"{declaration.help}  [{declaration.variable}; default: {declaration.shown_default}]"
    if declaration.python_type is bool:
        names = f"{declaration.option}/--no-{declaration.option[2:]}"
        return click.option(names, default=None, hidden=hidden, help=text)
    return click.option(
        declaration.option,
        type=declaration.click_type,
        multiple=declaration.python_type is tuple,
        metavar=declaration.metavar,
        hidden=hidden,
        help=text,
    )


@click.command()
@click.option("--markdown", is_flag=True, hidden=True, help="Print docs/settings.md.")
@json_option
@click.pass_context
def settings(ctx: click.Context, markdown: bool, as_json: bool) -> None:
    """Show every setting and where its value comes from.

    \b
    A setting is an option before the command, an environment variable, or a key of the settings file:
      chromatrace --rpc-url http://127.0.0.1:8545 batch list
      CHROMATRACE_RPC_URL=http://127.0.0.1:8545 chromatrace batch list
      rpc_url = "http://127.0.0.1:8545"                 (in chromatrace.toml in the data folder, or --config FILE)
    Settings of the portal are options of `portal serve` and keys of the section [portal].
    """
    if markdown:
        click.echo(settings_page(), nl=False)
        return
    given = ctx.find_root().params
    workspace: Workspace = ctx.obj
    facts = []
    for name, owner in sections().items():
        found = resolve(owner, file=workspace.settings.config) if name else resolve_all(given)
        for declaration in declarations(owner):
            value, source = found[declaration.name].value, found[declaration.name].source
            facts.append(
                {
                    "setting": declaration.key,
                    "value": "***" if declaration.secret and value is not None else value,
                    "source": source,
                    "option": declaration.option,
                    "variable": declaration.variable,
                    "help": declaration.help,
                }
            )

    def human() -> None:
        width = max(len(str(fact["setting"])) for fact in facts)
        for fact in facts:
            value = fact["value"]
            shown = ", ".join(value) if isinstance(value, tuple) else "-" if value is None else str(value)
            print_line(f"{fact['setting']:<{width}}  {shown}  ({fact['source']})")

    emit(as_json, {"settings": facts}, human)


def settings_page() -> str:
    """Return docs/settings.md."""
    parts = [
        "# Settings",
        "",
        "Generated from the declarations by `make docs`; do not edit. `chromatrace settings` shows the current values.",
        "",
        "An option overrides the environment, which overrides the settings file, which overrides the default. The file",
        "is TOML: `--config FILE`, `CHROMATRACE_CONFIG`, or `chromatrace.toml` in the data folder. Relative paths in",
        "the file are relative to its folder. An unknown key is an error. The value of a secret may be `@FILE`: the",
        "first line of FILE. Prefer `@FILE` or the environment: other users of a machine can see command lines.",
    ]
    for name, owner in sections().items():
        where = f"Options of `chromatrace {name} …`; keys in the section `[{name}]`."
        heading = f"## The {name}" if name else "## Every command"
        parts += ["", heading, "", where if name else "Options before the command; top-level keys in the file.", ""]
        parts += ["| key | option | environment | default | description |", "|---|---|---|---|---|"]
        for declaration in declarations(owner):
            cells = (
                f"`{declaration.name}`",
                f"`{declaration.option}`",
                f"`{declaration.variable}`",
                declaration.shown_default.replace("|", "\\|"),
                declaration.help + (" Secret." if declaration.secret else ""),
            )
            parts.append(f"| {' | '.join(cells)} |")
    return "\n".join(parts) + "\n"
