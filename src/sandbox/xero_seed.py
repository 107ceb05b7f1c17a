"""Plants the Xero side of a world: deterministic ids, dates relative to today so that a demo is always fresh."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.store import Obj
from sandbox.world import Seed, World
from sandbox.xero_ledger import Ledger, local_day
from sandbox.xero_lines import read_line, totals
from sandbox.xero_seed_data import ACCOUNTS, CONTACTS, FIRST_NUMBER, INVOICES, JOBS, ORGANISATIONS, USERS
from sandbox.xero_sown import APART_MS, Plan, SownInvoices

FILLED_UP_TO = 30
SOWN = ("xero.sown", "invoices")
_LINE = {"description": "Joinery", "quantity": "1", "account": "200", "tax_type": "NONE", "tax": 0, "discount": None}


class Seeder:
    """Plants organisations, people and papers; ``plant`` is a seeder of the world."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world, self._ledger = world, ledger
        kept = world.store.get(*SOWN)
        if kept is not None:
            world.store.sow("xero.invoice", SownInvoices(msgspec.convert(kept, Plan)))

    def plant(self, wanted: Seed) -> None:
        """The default world; ``size`` tops up the first organisation to that many invoices, ``organisations`` adds more."""
        tenants = {org["key"]: self._organisation(org) for org in ORGANISATIONS}
        for user in USERS:
            self._user(user, tenants)
        for org in ORGANISATIONS:
            self._papers(org["key"], tenants[org["key"]])
        for number in range(len(ORGANISATIONS), wanted.organisations or 0):
            self._branch(number)
        if wanted.size is not None:
            self._bulk(tenants["harrow"], wanted.size)

    def _branch(self, number: int) -> None:
        """One more organisation, like one of the first three; the first user may connect it."""
        model = ORGANISATIONS[number % 3]
        own = {"key": f"{model['key']}-{number}", "name": f"{model['name'].removesuffix(' Ltd')} {number} Ltd"}
        org = self._organisation({**model, **own, "short_code": self._world.ids.token("!", 5)})
        first = self._world.store.all("xero.user")[0]
        first["tenants"].append(org["id"])
        self._world.store.put("xero.user", first["id"], first)
        self._papers(model["key"], org)

    def _now_ms(self) -> int:
        return int(self._world.clock.timestamp() * 1000)

    def _put(self, kind: str, tenant: str, values: Obj) -> Obj:
        row = {"id": self._world.ids.uuid(), "tenant": tenant, "updated": self._now_ms(), **values}
        return self._world.store.put(kind, row["id"], row)

    def _user(self, user: Obj, tenants: dict[str, Obj]) -> None:
        id = self._world.ids.uuid()
        row = {name: user[name] for name in ("given_name", "family_name", "email", "about")}
        row |= {
            "id": id,
            "sub": hashlib.md5(id.encode(), usedforsecurity=False).hexdigest(),
            "session": id.replace("-", ""),
            "tenants": [tenants[key]["id"] for key in user["organisations"]],
        }
        self._world.store.put("xero.user", id, row)

    def _organisation(self, org: Obj) -> Obj:
        names = ("name", "country", "currency", "timezone", "zone", "short_code", "registration", "tax_number")
        row: dict[str, Any] = {name: org[name] for name in (*names, "address", "class", "demo", "prefix", "sales_tax")}
        id = self._world.ids.uuid()
        row |= {"id": id, "key": org["key"], "organisation_id": self._world.ids.uuid(), "locked": None}
        row |= {"period_lock": None, "year_lock": None, "emails_today": 0, "emails_day": None, "next_number": 0}
        self._world.store.put("xero.organisation", id, row)
        for code in org["currencies"]:
            self._put("xero.currency", id, {"code": code})
        for tax_type, name, rate in [*org["taxes"], ("NONE", "No tax", "0"), ("EXEMPTOUTPUT", "Exempt income", "0")]:
            self._put("xero.taxrate", id, {"type": tax_type, "name": name, "rate": rate})
        for account in ACCOUNTS:
            self._account(id, org, account)
        for place, name in enumerate(("Standard", "Trade customers")):
            self._put("xero.theme", id, {"name": name, "sort": place, "services": [], "created": self._now_ms()})
        return row

    def _account(self, tenant: str, org: Obj, account: tuple[str, str, str, str, bool, str, bool]) -> None:
        code, name, type_, class_, payments, system, archived = account
        self._put(
            "xero.account",
            tenant,
            {
                "code": code,
                "name": name,
                "type": type_,
                "class": class_,
                "payments": payments,
                "system": system,
                "status": "ARCHIVED" if archived else "ACTIVE",
                "tax_type": org["sales_tax"] if class_ == "REVENUE" else "NONE",
                "currency": org["currency"] if type_ == "BANK" else None,
                "number": f"0209087654{code}" if type_ == "BANK" else None,
            },
        )

    def _papers(self, key: str, org: Obj) -> None:
        contacts = [self._contact(org, *values) for values in CONTACTS[key]]
        papers = list(INVOICES[key])
        jobs, number = JOBS[key], FIRST_NUMBER[key]
        for n in range(FILLED_UP_TO - len(papers)):
            description, price = jobs[n % len(jobs)]
            due = -90 + n * 4
            status = "AUTHORISED"
            total = int(Decimal(price) * 100 * Decimal("1.5"))
            paid = total if due < -15 and n % 4 else 0
            line = (description, "1.5", price)
            title = f"{org['prefix']}{number + n}"
            papers.append((title, n % len(contacts), description.split(",")[0], due, status, [line], -1 if paid else 0))
        papers.sort(key=lambda paper: paper[0])
        for place, paper in enumerate(papers):
            self._invoice(org, contacts, paper, self._now_ms() - (len(papers) - place) * 61_000)
        org["next_number"] = max(int(paper[0].rsplit("-", 1)[1]) for paper in papers) + 1
        self._world.store.put("xero.organisation", org["id"], org)

    def _contact(self, org: Obj, name: str, first: str, last: str, email: str) -> Obj:
        values = {"name": name, "first": first, "last": last, "email": email, "status": "ACTIVE", "persons": []}
        return self._put("xero.contact", org["id"], {**values, "currency": None, "address": org["address"]})

    def _invoice(self, org: Obj, contacts: list[Obj], paper: tuple[Any, ...], updated: int) -> Obj:
        number, contact, reference, due_in, status, items, paid = paper
        today = date.fromisoformat(local_day(self._world.clock.now(), org))
        rates = {row["type"]: Decimal(row["rate"]) for row in self._world.store.by("xero.taxrate", "tenant", org["id"])}
        lines = [self._line(item, rates, org) for item in items]
        due = today + timedelta(days=due_in)
        row = self._put(
            "xero.invoice",
            org["id"],
            {
                **blank_invoice("ACCREC", number, contacts[contact]["id"], org["currency"]),
                "reference": reference,
                "status": status,
                "date": (due - timedelta(days=14)).isoformat(),
                "due": due.isoformat(),
                "lines": lines,
                **totals(lines, "Exclusive"),
                "theme": self._theme(org),
            },
        )
        amount = row["total"] if paid == -1 else paid
        if amount:
            self._pay(org, row, amount, min(due, today - timedelta(days=1)).isoformat())
        row["updated"] = updated
        return self._world.store.put("xero.invoice", row["id"], row)

    def _line(self, item: tuple[str, str, str], rates: dict[str, Decimal], org: Obj) -> Obj:
        description, quantity, price = item
        unit, _, tax = price.partition(":")
        wire = {"Description": description, "Quantity": quantity, "UnitAmount": unit, "AccountCode": "200"}
        return read_line({**wire, "TaxType": tax or org["sales_tax"]}, "Exclusive", rates, "NONE", self._world.ids.uuid)

    def _theme(self, org: Obj) -> str:
        return str(self._world.store.by("xero.theme", "tenant", org["id"])[0]["id"])

    def _pay(self, org: Obj, invoice: Obj, amount: int, on: str) -> None:
        bank = next(a for a in self._world.store.by("xero.account", "tenant", org["id"]) if a["code"] == "090")
        values = {"tenant": org["id"], "target_kind": "xero.invoice", "target": invoice["id"], "account": bank["id"]}
        values |= {"date": on, "amount": amount, "bank_amount": amount, "rate": "1", "reference": "Bank transfer"}
        self._ledger.post_payment({**values, "type": "ACCRECPAYMENT", "app": False}, silent=True)

    def _bulk(self, org: Obj, size: int) -> None:
        world = self._world
        count = size - len(world.store.by("xero.invoice", "tenant", org["id"]))
        if count <= 0:
            return
        model = blank_invoice("ACCREC", "", "", org["currency"])
        plan = Plan(
            size=count,
            tenant=org["id"],
            salt=world.ids.number(1 << 56),
            contacts=[row["id"] for row in world.store.by("xero.contact", "tenant", org["id"])],
            start=self._now_ms() - APART_MS * size,
            today=local_day(world.clock.now(), org),
            model=model | {"status": "AUTHORISED", "theme": self._theme(org), "lines": [_LINE]},
        )
        world.store.put(*SOWN, msgspec.to_builtins(plan))
        world.store.sow("xero.invoice", SownInvoices(plan))


def blank_invoice(type_: str, number: str, contact: str, currency: str) -> Obj:
    """An invoice row with everything optional empty."""
    return {
        "type": type_,
        "number": number,
        "reference": "",
        "contact": contact,
        "status": "DRAFT",
        "line_amount_types": "Exclusive",
        "currency": currency,
        "rate": "1",
        "date": "",
        "due": None,
        "expected": None,
        "lines": [],
        "subtotal": 0,
        "tax": 0,
        "total": 0,
        "theme": None,
        "url": None,
        "sent": False,
        "online": None,
        "fully_paid_on": None,
        "app": False,
    }
