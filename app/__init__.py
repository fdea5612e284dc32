"""The web portal: public batch pages, a workspace for the consortium's organisations, and HTTP APIs.

The portal reads the index (`chromatrace.index`) and the documents, reads rights from the chain on every request, and
writes to the chain only through `app.services`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.settings import PortalSettings

if TYPE_CHECKING:
    from app.factory import create_app

__all__ = ["PortalSettings", "create_app"]


def __getattr__(name: str) -> Any:
    """Import Flask only if an application is created: the command line needs only the settings."""
    if name == "create_app":
        from app.factory import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
