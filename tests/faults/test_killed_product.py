"""The whole product, killed on the way from Stripe to Xero and started again, pays the invoice's part exactly once."""

from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from tests.fixtures.process import wait_until
from tests.fixtures.product import Product
from tests.world import Customer, Merchant, truth, until


@pytest.mark.timeout(300)
def test_power_cuts_between_stripe_and_xero(make_product: Callable[..., Product], sandbox: str):
    """Killed when the payment is committed, and again when Xero's answer is stored: one part payment in Xero."""
    product = make_product()
    product.start()
    link = Merchant(product.url).set_up().pay_link("INV-2041")
    product.stop()
    product.env["FAULTPOINT"] = "K09"
    product.start()
    with suppress(httpx.TransportError):
        Customer().pay(link, amount="400.00")
    for after in ("K16", ""):
        wait_until(lambda: not product.processes["web"].running, 90, f"the kill:\n{product.output()}")
        product.processes.clear()
        product.env["FAULTPOINT"] = after
        product.start()

    def ours() -> list[int]:
        found = [
            one for one in truth(sandbox)["xero"]["payments"] if one["invoice_number"] == "INV-2041" and one["app"]
        ]
        return [one["amount"] for one in found if one["status"] == "AUTHORISED"]

    until(ours, "the payment in Xero", 90)
    hannah = Merchant(product.url)
    hannah.sign_in()
    path = hannah.invoice_path("INV-2041")
    until(lambda: "Recorded in Xero" in hannah.open(product.url + path).text, "the timeline", 60)
    assert [40000] == ours()
    assert 1 == hannah.text.count("Paid in part")
