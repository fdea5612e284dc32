"""The portal: pages and an API that show what the chain proves about a batch, and pages for the consortium's operators.

It reads the index (`chromatrace.index`) and the documents, asks the chain for rights at each request, and writes only
through `app.services`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.config import PortalConfig

if TYPE_CHECKING:
    from app.factory import create_app

__all__ = ["PortalConfig", "create_app"]


def __getattr__(name: str) -> Any:
    """Import Flask only when an application is created: the command line imports `app.config` for its options."""
    if name == "create_app":
        from app.factory import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
