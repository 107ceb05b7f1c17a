"""Organisation, its actions, tax rates, currencies: what an app reads to set itself up."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_call import Call
from sandbox.xero_refusals import Answer, Web, not_found
from sandbox.xero_wire import day, fixed, instant

VERSIONS = {"GB": "UK", "NZ": "NZ", "AU": "AU"}
ACTIONS = (
    "CreateApprovedInvoice CreateDraftPurchaseOrder CreateApprovedBill AttachFilesIntoInvoice UseMulticurrency "
    "CreateDraftInvoice CreateRepeatingInvoice CreateRepeatingBill CreateSentQuote CreateInvoicePayment "
    "CreateApprovedPurchaseOrder CreateDraftQuote CreateDraftBill"
).split()
CURRENCY_NAMES = {
    "GBP": "British Pound",
    "EUR": "Euro",
    "NZD": "New Zealand Dollar",
    "AUD": "Australian Dollar",
    "USD": "United States Dollar",
}


def _organisation(row: Obj) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "Name": row["name"],
        "LegalName": row["name"],
        "PaysTax": True,
        "Version": VERSIONS[row["country"]],
        "OrganisationType": "COMPANY",
        "BaseCurrency": row["currency"],
        "CountryCode": row["country"],
        "IsDemoCompany": row["demo"],
        "OrganisationStatus": "ACTIVE",
        "RegistrationNumber": row["registration"],
        "TaxNumber": row["tax_number"],
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 3,
        "SalesTaxBasis": "ACCRUALS",
        "SalesTaxPeriod": "QUARTERLY1",
        "DefaultSalesTax": "Tax Exclusive",
        "DefaultPurchasesTax": "Tax Exclusive",
    }
    if row["period_lock"]:
        wire["PeriodLockDate"] = day(row["period_lock"])
    if row["year_lock"]:
        wire["EndOfYearLockDate"] = day(row["year_lock"])
    return {
        **wire,
        "CreatedDateUTC": instant(1_573_754_400_000),
        "OrganisationEntityType": "COMPANY",
        "Timezone": row["timezone"],
        "ShortCode": row["short_code"],
        "OrganisationID": row["id"],
        "Edition": row.get("edition", "BUSINESS"),
        "Class": row["class"],
        "Addresses": [{"AddressType": "STREET", **row["address"]}],
        "Phones": [],
        "ExternalLinks": [],
        "PaymentTerms": {},
    }


def _tax_rate(row: Obj) -> dict[str, Any]:
    rate = fixed(row["rate"], 4)
    return {
        "Name": row["name"],
        "TaxType": row["type"],
        "CanApplyToAssets": True,
        "CanApplyToEquity": True,
        "CanApplyToExpenses": not row["type"].startswith("OUTPUT"),
        "CanApplyToLiabilities": True,
        "CanApplyToRevenue": not row["type"].startswith("INPUT"),
        "DisplayTaxRate": rate,
        "EffectiveRate": rate,
        "Status": "ACTIVE",
        "TaxComponents": [{"Name": row["name"], "Rate": rate, "IsCompound": False, "IsNonRecoverable": False}],
    }


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """Settings nouns; all under ``accounting.settings``."""
    scope = "accounting.settings"

    @get(f"{API}/Organisation")
    async def organisation(request: Web) -> Answer:
        return kit.door.read(
            request, scope, lambda call: call.answer("Organisations", [_organisation(call.organisation_shown)])
        )

    @get(f"{API}/Organisation/Actions")
    async def actions(request: Web) -> Answer:
        def act(call: Call) -> Answer:
            barred = {"UseMulticurrency"} if len(call.rows("xero.currency")) < 2 else set()
            barred |= {"CreateApprovedInvoice"} if call.organisation.get("approvals") == 0 else set()
            rows = [{"Name": name, "Status": "NOT-ALLOWED" if name in barred else "ALLOWED"} for name in ACTIONS]
            return call.answer("Actions", rows)

        return kit.door.read(request, scope, act)

    @get(f"{API}/TaxRates")
    async def tax_rates(request: Web) -> Answer:
        def act(call: Call) -> Answer:
            return call.answer("TaxRates", [_tax_rate(row) for row in call.rows("xero.taxrate")])

        return kit.door.read(request, scope, act)

    @get(f"{API}/Currencies")
    async def currencies(request: Web) -> Answer:
        def act(call: Call) -> Answer:
            rows = [
                {"Code": row["code"], "Description": CURRENCY_NAMES.get(row["code"], row["code"])}
                for row in call.rows("xero.currency")
            ]
            return call.answer("Currencies", rows)

        return kit.door.read(request, scope, act)

    @get(f"{API}/TaxRates/{{tax_type:str}}")
    async def tax_rate(request: Web, tax_type: str) -> Answer:
        def act(call: Call) -> Answer:
            rows = [_tax_rate(row) for row in call.rows("xero.taxrate") if row["type"] == tax_type]
            if not rows:
                raise not_found("no such tax rate")
            return call.answer("TaxRates", rows)

        return kit.door.read(request, scope, act)

    return [organisation, actions, tax_rates, tax_rate, currencies]
