import io

import pytest
import zxingcpp
from PIL import Image

QR_ONLY = zxingcpp.BarcodeFormats((zxingcpp.BarcodeFormat.QRCode,))
"""Some rows of a QR code happen to read as a short linear code."""


@pytest.fixture(scope="session")
def decode():
    """What an independent decoder reads from a picture or a picture's bytes, as texts."""

    def read(picture):
        image = Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else picture
        return [code.text for code in zxingcpp.read_barcodes(image, formats=QR_ONLY, text_mode=zxingcpp.TextMode.Plain)]

    return read
