"""Take the README's two pictures from a running demo: the pay page on a phone, the invoices on a desktop.

Run `make screenshots`. It starts a demo with data of its own, lives through the six steps as tests/e2e does, and has one
invoice paid, so that the pictures show what a person would really see.
"""

import asyncio
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.e2e.people import Customer, Hannah
from tests.fixtures.browser import ARGS, DESKTOP, PHONE, chromium_binary
from tests.fixtures.process import ROOT, Process, free_port

PICTURES = ROOT / "docs" / "pictures"
PAID, SHOWN = "INV-2038", "INV-2041"


async def take(page: Page, name: str) -> None:
    """Write the visible part of the page, with few colours: a picture of a page needs no more."""
    await page.evaluate("document.fonts.ready")
    shot = Image.open(io.BytesIO(await page.screenshot()))
    target = PICTURES / name
    shot.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"Wrote {target.relative_to(ROOT)}, {target.stat().st_size // 1024} kB")


async def new_page(browser: Browser, viewport: dict[str, int], scale: float) -> Page:
    """A page of a fresh context, drawn finer than the screen."""
    size = {"width": viewport["width"], "height": viewport["height"]}
    context = await browser.new_context(viewport=size, device_scale_factor=scale, locale="en-GB")  # type: ignore[arg-type]
    return await context.new_page()


async def live(browser: Browser, url: str, sandbox: str) -> None:
    """The six steps, and a picture of each side."""
    hannah = Hannah(await new_page(browser, DESKTOP, 1.5), url, sandbox)
    await hannah.set_up()
    customer = Customer(await new_page(browser, PHONE, 2))
    await customer.pay(await hannah.request_payment(PAID))
    await expect(customer.page.get_by_role("heading", name="Paid, thank you")).to_be_visible(timeout=20_000)
    await customer.open(await hannah.request_payment(SHOWN))
    await take(customer.page, "pay-page.png")
    await hannah.page.goto(f"{url}/invoices")
    await take(hannah.page, "dashboard.png")


async def main() -> int:
    """Start the demo, take the pictures, stop it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="payportal-pictures-") as folder:
        ports = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
        demo = Process([Path(sys.executable).with_name("payportal"), "demo"], env={"DATA_DIR": folder, **ports})
        try:
            url = demo.wait_for("ready ", 60).split()[1]
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium_binary(), args=ARGS)
                await live(browser, url, f"http://localhost:{ports['SANDBOX_PORT']}")
                await browser.close()
        finally:
            demo.stop()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
