"""Scan a code, and accept an offer, in a real browser."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect
from portal_world import GTIN, PASSWORD, REGISTRAR

from chromatrace.chain import calls, reads
from chromatrace.domain.identifiers import Serial
from chromatrace.identity.digital_link import uri_for_unit
from chromatrace.identity.qr import encode


def _label(portal, lot, serial):
    uri = uri_for_unit(portal.url, portal.world.key(lot), Serial(serial))
    return {"name": "label.png", "mimeType": "image/png", "buffer": encode(uri).png()}


def _scan(page, portal, lot, serial):
    page.goto(f"{portal.url}/scan")
    page.set_input_files("#photo-file", files=[_label(portal, lot, serial)])
    page.get_by_role("button", name="Read the code").click()


def test_scanned_unit_page(page, portal):
    _scan(page, portal, "L2410A", "000042")
    expect(page).to_have_url(f"{portal.url}/01/{GTIN}/10/L2410A/21/000042")
    expect(page.locator("#status")).to_have_text("Released for sale")
    expect(page.get_by_role("heading", level=1)).to_have_text("Electrochromic pane EC-633")
    for summary in page.locator("summary", has_text="Inspection details").all():
        summary.click()
    text = page.locator("main").inner_text()
    assert "This unit belongs to the batch" in text
    assert "Optical modulation" in text
    assert "at least 40 %, at 633 nm" in text
    assert "1,520 readings of channel line-1 at Example Glass" in text
    assert "recomputed the fingerprint from all 1,600 readings" in text
    assert "Example Spectroscopy" in text
    assert re.search(r"Scans of this code\s+(First scan|\d+\sscans)", text)
    titles = page.locator(".timeline h3").all_inner_texts()
    assert titles[1:7] == [
        "Registered",
        "First inspection passed",
        "Assembled",
        "Final inspection passed",
        "Graded",
        "Released",
    ]
    for record in page.locator(".timeline .record").all():
        record.locator("summary").click()
        assert re.search(r"0x[0-9a-f]{64}", record.inner_text())
    assert page.locator(".plot-line").count() == 3
    for word in ("genuine", "authentic"):
        assert word not in page.content().lower()


def test_recall_is_shown_first(page, portal):
    _scan(page, portal, "L2410B", "000007")
    expect(page.locator("#status")).to_have_text("Recalled")
    expect(page.locator(".hero")).to_have_class(re.compile("hero-alarm"))
    expect(page.locator(".hero-reason")).to_contain_text("EL-0098 may leak")
    assert page.locator("#status").bounding_box()["y"] < 250


def test_unknown_serial_shows_warning(page, portal):
    _scan(page, portal, "L2410A", "999999")
    expect(page.get_by_role("alert")).to_contain_text("This serial is not part of this batch")
    assert page.locator("#scans").count() == 0


@pytest.mark.parametrize("page", [True], ids=["with-javascript"], indirect=True)
def test_large_photo_is_scaled_down_before_it_is_sent(page, portal):
    label = Image.open(io.BytesIO(_label(portal, "L2410A", "000042")["buffer"])).convert("L")
    photo = Image.effect_noise((5_000, 3_800), 40)
    photo.paste(label.resize((1_200, 1_200)), (1_500, 1_300))
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=90)
    page.goto(f"{portal.url}/scan")
    page.set_input_files("#photo-file", files=[{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}])
    # Keep what the page sends, and send it afterwards.
    page.evaluate(
        """() => {
            window.send = HTMLFormElement.prototype.submit;
            window.sent = new Promise((done) => {
                HTMLFormElement.prototype.submit = function () { done(this.elements.photo.files[0]); };
            });
        }"""
    )
    page.get_by_role("button", name="Read the code").click()
    assert page.evaluate("window.sent.then((file) => file.size)") < len(file.getvalue()) / 2
    sides = "window.sent.then(createImageBitmap).then((image) => [image.width, image.height])"
    assert page.evaluate(sides) == [2400, 1824]
    page.evaluate("window.send.call(document.getElementById('photo-form'))")
    expect(page).to_have_url(f"{portal.url}/01/{GTIN}/10/L2410A/21/000042")


def test_invalid_photo_shows_hint(page, portal):
    page.goto(f"{portal.url}/scan")
    page.set_input_files("#photo-file", files=[{"name": "x.png", "mimeType": "image/png", "buffer": b"not an image"}])
    page.get_by_role("button", name="Read the code").click()
    expect(page.get_by_role("alert")).to_contain_text("JPEG, PNG or WebP")


def _log_in(page, portal, account):
    page.goto(f"{portal.url}/partners/")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page.get_by_role("textbox", name="Account").fill(account)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


@pytest.mark.parametrize("page", [True], ids=["with-javascript"], indirect=True)
def test_franchisee_accepts_offer(page, portal):
    world = portal.world
    _log_in(page, portal, world.shop_account)
    expect(page.get_by_role("heading", level=1)).to_have_text("Example Windows")
    page.get_by_role("link", name=re.compile(r"View offer.*lot L2410A")).click()
    accept = page.locator("form[data-kind=accept]")
    accept.get_by_label("Your password").fill("not the password")
    accept.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("Wrong password")
    accept.get_by_label("Your password").fill(PASSWORD)
    accept.get_by_role("button").click()
    expect(page.get_by_role("heading", name="Accepted", exact=True)).to_be_visible()
    assert world.chains[REGISTRAR].read(reads.batch(world.key("L2410A").batch_id)).custodian == 3
    page.goto(f"{portal.url}/01/{GTIN}/10/L2410A")
    expect(page.locator(".timeline")).to_contain_text("Example Windows accepted the batch from Example Glass.")


def test_suspended_operator_is_logged_out(page, portal):
    world = portal.world
    _log_in(page, portal, world.shop_account)
    expect(page.get_by_role("heading", level=1)).to_have_text("Example Windows")
    world.submit(REGISTRAR, calls.suspend_organisation(world.organisations["shop"]))
    try:
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("You have been logged out")
    finally:
        world.submit(REGISTRAR, calls.reinstate_organisation(world.organisations["shop"]))
    # The old session stays ended after the reinstatement.
    page.goto(f"{portal.url}/partners/")
    expect(page).to_have_url(re.compile(r"/login\?next="))
