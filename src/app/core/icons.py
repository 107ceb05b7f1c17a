"""Icons and the product mark as inline SVG: a 24 × 24 grid, strokes of 1.75, drawn for this product.

No style attributes and no scripts, so every piece passes a strict content security policy.
"""

from html import escape

from markupsafe import Markup

ICONS = {
    "alert": '<path d="M12 4 2.8 19.5h18.4L12 4Z"/><path d="M12 10v4.2m0 2.6v.01"/>',
    "arrow": '<path d="M4.5 12h15m0 0-5.5-5.5m5.5 5.5L14 17.5"/>',
    "auto": '<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5a8.5 8.5 0 0 1 0 17Z" fill="currentColor"/>',
    "back": '<path d="M19.5 12h-15m0 0L10 6.5M4.5 12l5.5 5.5"/>',
    "ban": '<circle cx="12" cy="12" r="9"/><path d="m5.7 5.7 12.6 12.6"/>',
    "bang": '<circle cx="12" cy="12" r="9"/><path d="M12 7.5v5.2m0 3.3v.01"/>',
    "bank": '<path d="M4 9.5 12 4.5l8 5H4ZM4.5 19.5h15M6.5 12.5v4m3.7-4v4m3.6-4v4m3.7-4v4"/>',
    "bell": '<path d="M6.5 16.5V11a5.5 5.5 0 0 1 11 0v5.5l1.5 1.5H5l1.5-1.5ZM10 20.5h4"/>',
    "bolt": '<path d="M13 3.5 5.5 13.5H11l-1 7L18 10.5h-5.5l.5-7Z"/>',
    "building": (
        '<path d="M5 20.5V6l8-2.5v17M13 9h4.5L19 10v10.5M3.5 20.5h17M8 9h2M8 13h2m-2 4h2m6-4v.01M16 17v.01"/>'
    ),
    "calendar": '<rect x="4" y="5.5" width="16" height="14.5" rx="2.5"/><path d="M4 10h16M8.5 3.5v4m7-4v4"/>',
    "card": '<rect x="3" y="5.5" width="18" height="13" rx="2.5"/><path d="M3 10h18M6.5 15h4"/>',
    "chart": '<path d="M4.5 19.5h15M7 16v-4m5 4V6m5 10v-7"/>',
    "check": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "check-c": '<circle cx="12" cy="12" r="9"/><path d="m8 12.3 2.8 2.8L16 9.6"/>',
    "clock": '<circle cx="12" cy="12" r="8.75"/><path d="M12 7.2V12l3.2 2"/>',
    "copy": (
        '<rect x="8.5" y="8.5" width="11.5" height="11.5" rx="2.5"/>'
        '<path d="M15.5 8.5v-2A2.5 2.5 0 0 0 13 4H6.5A2.5 2.5 0 0 0 4 6.5V13a2.5 2.5 0 0 0 2.5 2.5h2"/>'
    ),
    "doc": (
        '<path d="M13.5 3.5H8A2.5 2.5 0 0 0 5.5 6v12A2.5 2.5 0 0 0 8 20.5h8a2.5 2.5 0 0 0 2.5-2.5V8.5l-5-5Z"/>'
        '<path d="M13.5 3.5v5h5"/>'
    ),
    "down": '<path d="m6.5 9.5 5.5 5.5 5.5-5.5"/>',
    "download": (
        '<path d="M12 4v11m0 0 4.2-4.2M12 15l-4.2-4.2"/>'
        '<path d="M4.5 16v1.5A2.5 2.5 0 0 0 7 20h10a2.5 2.5 0 0 0 2.5-2.5V16"/>'
    ),
    "external": (
        '<path d="M13.5 4.5h6v6M19 5l-8.5 8.5"/>'
        '<path d="M17.5 14v3.5a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-9a2 2 0 0 1 2-2H10"/>'
    ),
    "eye": (
        '<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z"/>'
        '<circle cx="12" cy="12" r="2.75"/>'
    ),
    "file": (
        '<path d="M13.5 3.5H8A2.5 2.5 0 0 0 5.5 6v12A2.5 2.5 0 0 0 8 20.5h8a2.5 2.5 0 0 0 2.5-2.5V8.5l-5-5Z"/>'
        '<path d="M13.5 3.5v5h5M9 13h6m-6 3.5h4"/>'
    ),
    "gear": (
        '<circle cx="12" cy="12" r="3"/>'
        '<path d="M12 3.5v2m0 13v2M3.5 12h2m13 0h2M6 6l1.4 1.4m9.2 9.2L18 18M6 18l1.4-1.4m9.2-9.2L18 6"/>'
    ),
    "half": '<circle cx="12" cy="12" r="8.75"/><path d="M12 3.25a8.75 8.75 0 0 1 0 17.5Z" fill="currentColor"/>',
    "help": '<circle cx="12" cy="12" r="9"/><path d="M9.5 9.7a2.6 2.6 0 1 1 3.8 2.3c-.9.5-1.3 1-1.3 1.9m0 2.7v.01"/>',
    "hour": (
        '<path d="M6.5 3.5h11m-11 17h11M7.5 3.5c0 4.5 3.2 5.5 4.5 8.5 1.3-3 4.5-4 4.5-8.5m-9 17c0-4.5 3.2-5.5 '
        '4.5-8.5 1.3 3 4.5 4 4.5 8.5"/>'
    ),
    "info": '<circle cx="12" cy="12" r="9"/><path d="M12 11v5.2m0-8.4v.01"/>',
    "invoice": (
        '<path d="M6 3.5h12v17l-2.4-1.6-1.8 1.6-1.8-1.6-1.8 1.6-1.8-1.6L6 20.5v-17Z"/><path d="M9.5 8h5m-5 4h5"/>'
    ),
    "key": '<circle cx="8" cy="14.5" r="4"/><path d="m11 11.5 8.5-8M16 7l2.5 2.5"/>',
    "left": '<path d="M14.5 6.5 9 12l5.5 5.5"/>',
    "link": (
        '<path d="M10 14a4 4 0 0 0 5.9.4l3-3a4 4 0 0 0-5.7-5.7l-1.5 1.5"/>'
        '<path d="M14 10a4 4 0 0 0-5.9-.4l-3 3a4 4 0 0 0 5.7 5.7l1.5-1.5"/>'
    ),
    "lock": (
        '<rect x="5" y="10.5" width="14" height="9.5" rx="2.5"/><path d="M8 10.5V8a4 4 0 0 1 8 0v2.5M12 14.5v1.8"/>'
    ),
    "mail": '<rect x="3" y="5" width="18" height="14" rx="2.5"/><path d="m3.6 7 8.4 6.2L20.4 7"/>',
    "moon": '<path d="M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z"/>',
    "more": '<path d="M12 5.5v.01M12 12v.01M12 18.5v.01" stroke-width="3"/>',
    "palette": (
        '<path d="M12 3.5a8.5 8.5 0 1 0 0 17c1.5 0 1.9-1 1.5-2-.6-1.5.2-2.8 1.8-2.8h2a3.3 3.3 0 0 0 '
        '3.2-3.4c0-4.9-3.8-8.8-8.5-8.8Z"/>'
        '<path d="M7.8 12.2v.01M9.8 8.2v.01M14.2 8v.01" stroke-width="2.5"/>'
    ),
    "people": (
        '<circle cx="9" cy="8.5" r="3.5"/>'
        '<path d="M2.8 19.5c.5-3.3 3-5.3 6.2-5.3s5.7 2 6.2 5.3M15.5 5.3a3.3 3.3 0 0 1 0 6.4M18 14.8c1.7.8 2.8 '
        '2.4 3.2 4.7"/>'
    ),
    "phone": (
        '<path d="M8.3 4H5.5A1.5 1.5 0 0 0 4 5.6C4.5 13.5 10.5 19.5 18.4 20a1.5 1.5 0 0 0 '
        '1.6-1.5v-2.8l-4.2-1.7-1.9 1.9a12 12 0 0 1-5.8-5.8l1.9-1.9L8.3 4Z"/>'
    ),
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "print": '<path d="M7 9V4h10v5"/><rect x="3" y="9" width="18" height="8" rx="2"/><path d="M7 14h10v6H7z"/>',
    "qr": (
        '<rect x="4" y="4" width="6" height="6" rx="1"/>'
        '<rect x="14" y="4" width="6" height="6" rx="1"/>'
        '<rect x="4" y="14" width="6" height="6" rx="1"/>'
        '<path d="M14 14h2.5v2.5M20 14v.01M14 20h2m4-2.5V20h-2"/>'
    ),
    "retry": '<path d="M4.5 12a7.5 7.5 0 1 0 2.4-5.5L4.5 8.8"/><path d="M4.5 4.5v4.3h4.3"/>',
    "right": '<path d="m9.5 6.5 5.5 5.5-5.5 5.5"/>',
    "search": '<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.2 4.2"/>',
    "send": '<path d="M20.5 3.5 10.2 13.8M20.5 3.5 14 20.5l-3.8-6.7L3.5 10l17-6.5Z"/>',
    "shield": (
        '<path d="M12 3.5 5 6v5.5c0 4.3 2.9 7.6 7 9 4.1-1.4 7-4.7 7-9V6l-7-2.5Z"/><path d="m9 12 2.2 2.2L15.2 10"/>'
    ),
    "sun": (
        '<circle cx="12" cy="12" r="4"/>'
        '<path d="M12 3v2m0 14v2M3 12h2m14 0h2M5.6 5.6 7 7m10 10 1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4"/>'
    ),
    "sync": (
        '<path d="M19.5 12a7.5 7.5 0 0 1-13.4 4.7M4.5 12a7.5 7.5 0 0 1 13.4-4.7"/>'
        '<path d="M18.3 3.5v4h-4M5.7 20.5v-4h4"/>'
    ),
    "undo": '<path d="M8.5 5 4.5 9l4 4"/><path d="M4.5 9h9a5.5 5.5 0 0 1 0 11H8"/>',
    "up": '<path d="M12 19V5m0 0-5.5 5.5M12 5l5.5 5.5"/>',
    "upload": (
        '<path d="M12 15V4m0 0 4.2 4.2M12 4 7.8 8.2"/>'
        '<path d="M4.5 16v1.5A2.5 2.5 0 0 0 7 20h10a2.5 2.5 0 0 0 2.5-2.5V16"/>'
    ),
    "wallet": (
        '<rect x="3.5" y="6" width="17" height="13.5" rx="2.5"/>'
        '<path d="M3.5 9.5V7A2.5 2.5 0 0 1 6 4.5h10M20.5 11h-4a2 2 0 0 0 0 4h4"/>'
    ),
    "x": '<path d="m6.5 6.5 11 11m0-11-11 11"/>',
    "x-c": '<circle cx="12" cy="12" r="9"/><path d="m9 9 6 6m0-6-6 6"/>',
}

MARK = Markup(
    '<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" fill="#0b57d0"/>'
    '<path d="M9 7.5h14v17l-2.8-1.9-2.1 1.9-2.1-1.9-2.1 1.9-2.1-1.9L9 24.5z" fill="#fff"/>'
    '<path d="m12.4 14.3 2.5 2.5 4.8-5" fill="none"'
    ' stroke="#146c2e" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)


def icon(name: str, css_class: str = "", label: str = "") -> Markup:
    """The icon as SVG; hidden from screen readers unless `label` says what it means. Unknown names raise KeyError."""
    access = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    classes = f"i {css_class}".strip()
    return Markup(  # noqa: S704 - constants and escaped text only
        f'<svg class="{escape(classes)}" viewBox="0 0 24 24" {access}>{ICONS[name]}</svg>'
    )
