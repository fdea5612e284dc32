"""Click parameter types for numbers that people type (`chromatrace.domain.numbers`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.numbers import parse_decimal, parse_whole

T = TypeVar("T", int, float)


class FiniteRange(click.FloatRange):
    """A range of finite numbers."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str):
            value = _typed_number(self, parse_decimal, value, param, ctx)
        return super().convert(value, param, ctx)


class WholeRange(click.IntRange):
    """A range of whole numbers."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str):
            value = _typed_number(self, parse_whole, value, param, ctx)
        return super().convert(value, param, ctx)


def _typed_number(
    type_: click.ParamType[Any],
    parse: Callable[[str, str], T],
    text: str,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> T:
    try:
        return parse(text, "" if param is None else param.name or "")
    except InvalidInput as error:
        type_.fail(f"{error.message} ({error.hint})" if error.hint else error.message, param, ctx)
