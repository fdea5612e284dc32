"""The web portal: public batch pages, a workspace for the consortium's organisations, and HTTP APIs.

The portal reads the index (`chromatrace.index`) and the documents, asks the chain for rights on every request, and
writes to the chain only through `app.services`.
"""

from app.config import PortalConfig
from app.factory import create_app

__all__ = ["PortalConfig", "create_app"]
