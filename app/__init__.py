"""The portal: what is proven about a batch, for a phone; offers and batches, for the consortium's organisations.

It reads the index (`chromatrace.index`) and the documents, asks the chain for rights at each request, and writes
through `app.services` only.
"""

from app.config import PortalConfig
from app.factory import create_app

__all__ = ["PortalConfig", "create_app"]
