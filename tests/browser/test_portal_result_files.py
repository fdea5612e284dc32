"""Result files on the batch page, at phone and desktop width."""

import os

import pytest
from portal_world import GTIN

LOADED = "() => [...document.querySelectorAll('.result img')].every(image => image.complete && image.naturalWidth > 0)"
SCREENSHOTS = os.environ.get("CHROMATRACE_SCREENSHOTS")


@pytest.mark.parametrize(("width", "drawn"), [(390, 340), (1280, 620)])
def test_drawings_fit_the_page(chromium, portal, width, drawn):
    page = chromium.new_page(viewport={"width": width, "height": 900})
    try:
        page.goto(f"{portal.url}/01/{GTIN}/10/L2410G", wait_until="load")
        page.evaluate("document.querySelectorAll('.inspection > details').forEach(part => part.open = true)")
        page.evaluate("document.querySelectorAll('.result img').forEach(image => image.loading = 'eager')")
        page.wait_for_function(LOADED)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        images = page.locator(".result-plot")
        assert images.count() == 2
        for index in range(images.count()):
            assert images.nth(index).evaluate("image => image.naturalWidth") == drawn
            box = images.nth(index).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        assert page.locator(".result-image").count() == 1
        if SCREENSHOTS:
            page.screenshot(path=f"{SCREENSHOTS}/results-{width}.png", full_page=True)
    finally:
        page.close()
