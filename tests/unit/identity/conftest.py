"""Fixtures of the identity tests."""

import io

import pytest
import zxingcpp
from PIL import Image

QR_ONLY = zxingcpp.BarcodeFormats((zxingcpp.BarcodeFormat.QRCode,))
"""Rows of a QR code can decode as a short linear code."""


@pytest.fixture(scope="session")
def decode():
    """Return a function that decodes the codes of a picture with an independent library."""

    def read(picture):
        image = Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else picture
        return [code.text for code in zxingcpp.read_barcodes(image, formats=QR_ONLY, text_mode=zxingcpp.TextMode.Plain)]

    return read
