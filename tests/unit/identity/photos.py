"""Simulated phone photos of codes."""

import io

import numpy as np
from PIL import Image, ImageFilter


def photo(code, angle, blur, noise, tilt, seed):
    """Return a grey photo of a rotated, tilted, blurred, unevenly lit and noisy code on a grey table.

    angle  degrees
    blur   standard deviation in pixels (a module has about 7 pixels)
    noise  standard deviation in grey levels
    tilt   shortening of the far edge at each end, as a fraction of the side
    """
    image = Image.open(io.BytesIO(code.png(module_px=8))).convert("L")
    side = image.width
    table = Image.new("L", (side * 2, side * 2), 150)
    table.paste(image, (side // 2, side // 2))
    table = table.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=150)
    far = int(side * tilt)
    corners = (0, 0, far, 2 * side, 2 * side - far, 2 * side, 2 * side, 0)
    table = table.transform(table.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    pixels = np.asarray(table.filter(ImageFilter.GaussianBlur(blur)), dtype=float)
    light = np.linspace(0.55, 1.0, pixels.shape[1])[None, :]
    pixels = pixels * light + np.random.default_rng(seed).normal(0, noise, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
