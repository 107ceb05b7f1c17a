"""Lists of invoices in worlds of any size: what was sown is looked through without being made, and found again by page."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, cast

from sandbox.store import Obj
from sandbox.world import World
from sandbox.xero_accounting.queries import listed, modified_since, searchable, since
from sandbox.xero_call import Call
from sandbox.xero_sown import SownInvoices
from sandbox.xero_where import Field, order

KIND = "xero.invoice"
READ = (KIND, "xero.contact", "xero.payment", "xero.allocation")  # what tests of invoices look at
KEPT = 4
PAGED = {"page", "pagesize", "summaryonly", "unitdp"}
Test = Callable[[Obj], bool]
Entry = Obj | int  # a row, or a sown one by its number


class Catalogue:
    """Which invoices a list shows; the last few searches of a big world are kept until anything in them changes."""

    def __init__(self, world: World, fields: dict[str, Field]) -> None:
        self._store, self._fields = world.store, fields
        self._kept: OrderedDict[tuple[Any, ...], list[Entry]] = OrderedDict()

    def row(self, entry: Entry) -> Obj:
        """The invoice itself."""
        if not isinstance(entry, int):
            return entry
        row = self._store.get(KIND, self._crop().id(entry))
        assert row is not None
        return row

    def find(self, call: Call, tests: list[Test]) -> list[Entry]:
        """All that the call asks for, in its order: by default oldest change first."""
        if self._store.field(KIND) is None or self._crop().plan.tenant != call.tenant:
            return self._ordered(call, self._rows(call, tests))
        modes, asked = call.modes, {name.lower(): value for name, value in call.request.query_params.items()}
        plain = not tests and not asked.get("order")
        if plain or modes.search_lag_seconds or modes.filter_broken:
            return self._ordered(call, self._merged(self._rows(call, tests), self._numbers(call, tests)))
        search = tuple(sorted((name, value) for name, value in asked.items() if name not in PAGED))
        key = (call.tenant, search, since(call), self._store.changes(*READ))
        if key not in self._kept:
            self._kept[key] = self._ordered(call, self._merged(self._rows(call, tests), self._numbers(call, tests)))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _crop(self) -> SownInvoices:
        field = self._store.field(KIND)
        assert field is not None
        return cast("SownInvoices", field.crop)

    def _rows(self, call: Call, tests: list[Test]) -> list[Entry]:
        rows = searchable(call, modified_since(call, self._store.known(KIND, "tenant", call.tenant)))
        found = [row for row in rows if all(test(row) for test in tests)]
        found.sort(key=lambda row: (row["updated"], row["id"]))
        return [*found]

    def _numbers(self, call: Call, tests: list[Test]) -> Sequence[int]:
        crop, field, modes, second = self._crop(), self._store.field(KIND), call.modes, since(call)
        assert field is not None
        if modes.filter_broken and call.param("where"):
            return []
        first = 0 if second is None else crop.changed_after(second * 1000 + 999)
        lag = modes.search_lag_seconds
        end = crop.changed_after(call.now_ms - lag * 1000) if lag else crop.size
        among: Sequence[int] = field.numbers(self._named(call, range(first, end)))
        look = crop.glimpse()
        seen = cast("Obj", look)
        found = among
        for test in tests:
            found, among = [], found
            for number in among:
                look.at = number
                if test(seen):
                    found.append(number)
        return found

    def _named(self, call: Call, among: range) -> range | list[int]:
        """Only those named by IDs or InvoiceNumbers, when they are: nobody looks through a million for forty."""
        crop, wanted = self._crop(), listed(call, "IDs")
        if wanted is not None:
            numbers = {crop.number(id.lower()) for id in wanted}
        elif (named := listed(call, "InvoiceNumbers")) is not None:
            numbers = {at for name in named for at in crop.find("number", (call.tenant, "ACCREC", name.upper()))}
        else:
            return among
        return sorted(number for number in numbers if number is not None and number in among)

    def _merged(self, rows: list[Entry], numbers: Sequence[int]) -> list[Entry]:
        """Both by the moment of their last change; the sown ones are in that order by nature."""
        entries: list[Entry] = []
        at = 0
        for row in rows:
            place = bisect_left(numbers, self._crop().changed_after(cast("Obj", row)["updated"]), at)
            entries += [*numbers[at:place], row]
            at = place
        return [*entries, *numbers[at:]]

    def _ordered(self, call: Call, entries: list[Entry]) -> list[Entry]:
        text = call.param("order")
        if not text:
            return entries
        look = self._crop().glimpse() if self._store.field(KIND) is not None else None

        def of(field: Field) -> Field:
            def value(entry: Any) -> Any:
                if look is None or not isinstance(entry, int):
                    return field(entry)
                look.at = entry
                return field(cast("Obj", look))

            return value

        fields = {name: of(field) for name, field in self._fields.items()}
        return cast("list[Entry]", order(cast("list[Obj]", entries), text, fields, lambda _: 0))
