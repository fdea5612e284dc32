"""Draw a bar chart of shares as SVG, for example what each tag contributes to an alarm."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

WIDTH, ROW, TOP, LEFT, RIGHT = 760, 24, 44, 220, 70
MAX_BARS = 15
_INK, _BAR, _PAPER = "#0d1b27", "#1f5f99", "#ffffff"


def bars_svg(title: str, shares: Mapping[str, float]) -> str:
    """Return the largest `shares` (of 1) as horizontal bars, in percent, in the given order."""
    shown = list(shares.items())[:MAX_BARS]
    rest = sum(shares.values()) - sum(share for _, share in shown)
    if len(shares) > len(shown):
        shown.append((f"{len(shares) - len(shown)} others", rest))
    height = TOP + ROW * len(shown) + 16
    longest = max((share for _, share in shown), default=0) or 1
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" font-family="system-ui, &quot;Liberation Sans&quot;, Arial, sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
        f'<text x="16" y="26" fill="{_INK}" font-size="15">{escape(title)}</text>',
    ]
    for index, (name, share) in enumerate(shown):
        y = TOP + index * ROW
        length = (WIDTH - LEFT - RIGHT) * share / longest
        label = name if len(name) <= 28 else name[:27] + "…"
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 15}" fill="{_INK}" font-size="13" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{LEFT}" y="{y + 3}" width="{length:.1f}" height="{ROW - 8}" fill="{_BAR}"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 15}" fill="{_INK}" font-size="13">{share:.1%}</text>',
        ]
    return "".join([*parts, "</svg>"])
