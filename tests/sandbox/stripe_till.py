"""A till at one account of the simulated Stripe: pays fresh sessions and reads everything again from the API."""

from __future__ import annotations

from typing import Any

import stripe

from tests.contract.specs import read_json
from tests.sandbox.stripe_people import Platform


def listed(group: str) -> dict[str, Any]:
    """One group of the published list of test numbers."""
    found: dict[str, Any] = read_json("test_numbers.json")[group]
    return found


async def shop(platform: Platform, country: str = "GB", currency: str = "gbp") -> Till:
    """A till at an account of that country."""
    return Till(platform, platform.account(country), currency)


class Till:
    """Pays sessions of one account and reads everything again from the API."""

    def __init__(self, platform: Platform, account: str, currency: str) -> None:
        self.platform, self.account, self.currency = platform, account, currency
        self.options: Any = {"stripe_account": account}

    async def pay(self, **way: Any) -> stripe.PaymentIntent:
        """One attempt on a fresh session; its payment intent."""
        session = await self.platform.session(self.account, currency=self.currency)
        done = self.platform.control("pay", session=session.id, **way)
        return await self.platform.intent(self.account, done["payment_intent"])

    async def again(self, intent: Any) -> Any:
        """The intent as it is now, with its charge and the charge's balance transaction."""
        return await self.platform.intent(self.account, intent.id)

    async def session(self, intent: Any) -> Any:
        """The session an intent belongs to."""
        params: Any = {"payment_intent": intent.id}
        return (await self.platform.client.v1.checkout.sessions.list_async(params, self.options)).data[0]

    async def disputes(self, charge: str) -> list[stripe.Dispute]:
        """The disputes over a charge, oldest first."""
        params: Any = {"charge": charge}
        return (await self.platform.client.v1.disputes.list_async(params, self.options)).data[::-1]
