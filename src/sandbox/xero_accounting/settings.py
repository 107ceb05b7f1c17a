"""Organisation, its actions, accounts, tax rates, currencies: what an app reads to set itself up."""

from __future__ import annotations

from typing import Any

from litestar import get, put
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_accounting.queries import modified_since
from sandbox.xero_call import Answer, Call, Web, elements_of, invalid, not_found
from sandbox.xero_where import Field, order, where
from sandbox.xero_wire import day, instant

VERSIONS = {"GB": "UK", "NZ": "NZ", "AU": "AU"}
ACCOUNT_FIELDS: dict[str, Field] = {
    "accountid": lambda row: row["id"],
    "code": lambda row: row["code"],
    "name": lambda row: row["name"],
    "type": lambda row: row["type"],
    "status": lambda row: row["status"],
    "class": lambda row: row["class"],
}
ACTIONS = {
    "AttachFilesIntoAccount": "ALLOWED",
    "AttachFilesIntoInvoice": "ALLOWED",
    "CreateApprovedInvoice": "ALLOWED",
    "CreateContact": "ALLOWED",
    "CreateInvoicePayment": "ALLOWED",
    "CreateSpendMoneyTransaction": "ALLOWED",
    "EditApprovedInvoice": "ALLOWED",
    "UseMulticurrency": "ALLOWED",
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
        "OrganisationID": row["organisation_id"],
        "Edition": "BUSINESS",
        "Class": row["class"],
        "Addresses": [{"AddressType": "STREET", **row["address"]}],
        "Phones": [],
        "ExternalLinks": [],
        "PaymentTerms": {},
    }


def _tax_rate(row: Obj) -> dict[str, Any]:
    rate = float(row["rate"])
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


def _new_account(kit: Kit, call: Call, body: Any) -> Answer:
    elements = elements_of(body, "Accounts")
    wire = elements[0]
    errors = [] if len(elements) == 1 else ["Only one account can be created per request"]
    errors += _account_problems(call, wire)
    if errors:
        raise invalid([{**wire, "ValidationErrors": [{"Message": text} for text in errors]}])
    bank = wire["Type"] == "BANK"
    row = {
        "id": call.world.ids.uuid(),
        "tenant": call.tenant,
        "updated": call.now_ms,
        "code": wire.get("Code"),
        "name": wire["Name"],
        "type": wire["Type"],
        "class": "ASSET" if bank else "EXPENSE",
        "payments": bool(wire.get("EnablePaymentsToAccount", False)),
        "system": "",
        "status": "ACTIVE",
        "tax_type": wire.get("TaxType", "NONE"),
        "currency": wire.get("CurrencyCode", call.organisation["currency"]) if bank else None,
        "number": wire.get("BankAccountNumber"),
    }
    call.world.store.put("xero.account", row["id"], row)
    return call.answer("Accounts", [kit.documents.account(row)])


def _account_problems(call: Call, wire: dict[str, Any]) -> list[str]:
    errors = []
    if not wire.get("Name") or len(str(wire["Name"])) > 150:
        errors.append("Name is required and must be 150 characters or less.")
    if not wire.get("Type"):
        errors.append("The Type field is mandatory.")
    if wire.get("Type") == "BANK" and not wire.get("BankAccountNumber"):
        errors.append("A bank account number is required.")
    if wire.get("Type") != "BANK" and not wire.get("Code"):
        errors.append("Please enter a unique Code.")
    taken = {row["code"] for row in call.rows("xero.account")} | {row["name"] for row in call.rows("xero.account")}
    if {wire.get("Code"), wire.get("Name")} & taken - {None}:
        errors.append("Please enter a unique Name.")
    return errors


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """Settings nouns; all under ``accounting.settings``."""
    scope = "accounting.settings"

    @get(f"{API}/Organisation")
    async def organisation(request: Web) -> Answer:
        return kit.door.read(
            request, scope, lambda call: call.answer("Organisations", [_organisation(call.organisation)])
        )

    @get(f"{API}/Organisation/Actions")
    async def actions(request: Web) -> Answer:
        rows = [{"Name": name, "Status": status} for name, status in ACTIONS.items()]
        return kit.door.read(request, scope, lambda call: call.answer("Actions", rows))

    @get(f"{API}/Accounts")
    async def accounts(request: Web) -> Answer:
        def act(call: Call) -> Answer:
            test = where(call.param("where"), ACCOUNT_FIELDS)
            rows = [row for row in modified_since(call, call.rows("xero.account")) if test(row)]
            rows = order(rows, call.param("order"), ACCOUNT_FIELDS, lambda row: row["code"] or "")
            return call.answer("Accounts", [kit.documents.account(row) for row in rows])

        return kit.door.read(request, scope, act)

    @get(f"{API}/Accounts/{{account_id:str}}")
    async def account(request: Web, account_id: str) -> Answer:
        def act(call: Call) -> Answer:
            row = call.mine("xero.account", account_id)
            if row is None:
                raise not_found()
            return call.answer("Accounts", [kit.documents.account(row)])

        return kit.door.read(request, scope, act)

    @put(f"{API}/Accounts")
    async def create_account(request: Web) -> Answer:
        return await kit.door.write(request, scope, lambda call, body: _new_account(kit, call, body))

    @get(f"{API}/TaxRates")
    async def tax_rates(request: Web) -> Answer:
        def act(call: Call) -> Answer:
            return call.answer("TaxRates", [_tax_rate(row) for row in call.rows("xero.taxrate")])

        return kit.door.read(request, scope, act)

    @get(f"{API}/Currencies")
    async def currencies(request: Web) -> Answer:
        def act(call: Call) -> Answer:
            rows = [{"Code": row["code"], "Description": row["code"]} for row in call.rows("xero.currency")]
            return call.answer("Currencies", rows)

        return kit.door.read(request, scope, act)

    return [organisation, actions, accounts, account, create_account, tax_rates, currencies]
