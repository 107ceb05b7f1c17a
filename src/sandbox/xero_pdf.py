"""A small real PDF of an invoice: one page, two built-in fonts, no library."""

from __future__ import annotations

from sandbox.store import Obj

_PAGE = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 6 0 R"
_FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
LINES_SHOWN = 24


def invoice_pdf(organisation: Obj, contact: Obj, invoice: Obj, due: int, title: str = "TAX INVOICE") -> bytes:
    """An invoice or credit note on one page, with what is left of it; amounts in cents."""
    currency = invoice["currency"]
    rows = [
        (60, 780, "F2", 20, title),
        (60, 750, "F1", 11, contact["name"]),
        (360, 780, "F2", 11, organisation["name"]),
        (360, 750, "F1", 10, f"Number {invoice['number']}"),
        (360, 735, "F1", 10, f"Date {invoice['date']}"),
        (360, 720, "F1", 10, f"Due date {invoice.get('due') or ''}"),
        (360, 705, "F1", 10, f"Reference {invoice['reference']}"),
    ]
    at = 650
    for line in invoice["lines"][:LINES_SHOWN]:
        rows += [(60, at, "F1", 10, line["description"]), (460, at, "F1", 10, _amount(line["amount"]))]
        at -= 18
    for words, cents in (("Subtotal", "subtotal"), ("Tax", "tax"), (f"Total {currency}", "total")):
        at -= 18
        rows += [(360, at, "F1", 10, words), (460, at, "F1", 10, _amount(invoice[cents]))]
    rows += [
        (360, at - 22, "F2", 12, f"{'Amount due' if 'due' in invoice else 'Credit left'} {currency}"),
        (490, at - 22, "F2", 12, _amount(due)),
    ]
    return _document("\n".join(_text(*row) for row in rows).encode("cp1252", "replace"))


def _amount(cents: int) -> str:
    return f"{cents / 100:,.2f}"


def _text(x: int, y: int, font: str, size: int, words: str) -> str:
    safe = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").replace("\r", " ").replace("\n", " ")
    return f"BT /{font} {size} Tf {x} {y} Td ({safe}) Tj ET"


def _document(content: bytes) -> bytes:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"{_PAGE} /Resources << /Font << /F1 4 0 R /F2 5 0 R >> >> >>".encode(),
        _FONT.format("Helvetica").encode(),
        _FONT.format("Helvetica-Bold").encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)
