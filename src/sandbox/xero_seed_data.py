"""The people and papers of the default world: three merchants, a demo company, about thirty invoices each."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

ORGANISATIONS: list[Row] = [
    {
        "key": "harrow",
        "name": "Harrow & Finch Joinery Ltd",
        "country": "GB",
        "currency": "GBP",
        "currencies": ["GBP", "EUR"],
        "timezone": "GMTSTANDARDTIME",
        "zone": "Europe/London",
        "short_code": "!hF26q",
        "registration": "98765432",
        "tax_number": "999000019",
        "address": {"AddressLine1": "14 Albion Yard", "City": "Bristol", "PostalCode": "BS2 0QX", "Country": "GB"},
        "class": "STANDARD",
        "prefix": "INV-",
        "taxes": [("OUTPUT2", "20% (VAT on Income)", "20"), ("INPUT2", "20% (VAT on Expenses)", "20")],
        "sales_tax": "OUTPUT2",
        "demo": False,
    },
    {
        "key": "kowhai",
        "name": "Kōwhai Coast Electrical Ltd",
        "country": "NZ",
        "currency": "NZD",
        "currencies": ["NZD", "AUD"],
        "timezone": "NEWZEALANDSTANDARDTIME",
        "zone": "Pacific/Auckland",
        "short_code": "!kC7hE",
        "registration": "9429099900019",
        "tax_number": "999000019",
        "address": {"AddressLine1": "62 Tasman Parade", "City": "Nelson", "PostalCode": "7010", "Country": "NZ"},
        "class": "PREMIUM",
        "prefix": "INV-0",
        "taxes": [("OUTPUT2", "15% GST on Income", "15"), ("INPUT2", "15% GST on Expenses", "15")],
        "sales_tax": "OUTPUT2",
        "demo": False,
    },
    {
        "key": "wren",
        "name": "Wren & Marlow Physio Pty Ltd",
        "country": "AU",
        "currency": "AUD",
        "currencies": ["AUD"],
        "timezone": "AUSEASTERNSTANDARDTIME",
        "zone": "Australia/Sydney",
        "short_code": "!wM3pX",
        "registration": "99000000019",
        "tax_number": "99000000019",
        "address": {
            "AddressLine1": "8/210 Darby Lane",
            "City": "Newcastle",
            "Region": "NSW",
            "PostalCode": "2300",
            "Country": "AU",
        },
        "class": "STARTER",
        "prefix": "INV-",
        "taxes": [("OUTPUT", "GST on Income", "10"), ("INPUT", "GST on Expenses", "10")],
        "sales_tax": "OUTPUT",
        "demo": False,
    },
    {
        "key": "demo",
        "name": "Demo Company (UK)",
        "country": "GB",
        "currency": "GBP",
        "currencies": ["GBP"],
        "timezone": "GMTSTANDARDTIME",
        "zone": "Europe/London",
        "short_code": "!dC0uK",
        "registration": "01234567",
        "tax_number": "101268012",
        "address": {"AddressLine1": "23 Main Street", "City": "Marineville", "PostalCode": "MR1 2AB", "Country": "GB"},
        "class": "DEMO",
        "prefix": "INV-",
        "taxes": [("OUTPUT2", "20% (VAT on Income)", "20"), ("INPUT2", "20% (VAT on Expenses)", "20")],
        "sales_tax": "OUTPUT2",
        "demo": True,
    },
]

USERS: list[Row] = [
    {
        "given_name": "Hannah",
        "family_name": "Finch",
        "email": "hannah@harrowfinch.example",
        "about": "adviser of all four organisations",
        "organisations": ["harrow", "kowhai", "wren", "demo"],
    },
    {
        "given_name": "Tom",
        "family_name": "Harrow",
        "email": "tom@harrow-timber.example",
        "about": "has only the demo company",
        "organisations": ["demo"],
    },
    {
        "given_name": "Priya",
        "family_name": "Shah",
        "email": "priya@ledgerlane.example",
        "about": "bookkeeper of Harrow & Finch and Wren & Marlow",
        "organisations": ["harrow", "wren"],
    },
]

# code, name, type, class, payments enabled, system account, archived
ACCOUNTS: list[tuple[str, str, str, str, bool, str, bool]] = [
    ("090", "Business bank account", "BANK", "ASSET", False, "", False),
    ("615", "Stripe clearing", "BANK", "ASSET", False, "", False),
    ("091", "Old till", "BANK", "ASSET", False, "", True),
    ("200", "Sales", "REVENUE", "REVENUE", False, "", False),
    ("260", "Other revenue", "REVENUE", "REVENUE", False, "", False),
    ("310", "Cost of goods sold", "DIRECTCOSTS", "EXPENSE", False, "", False),
    ("404", "Bank fees", "EXPENSE", "EXPENSE", False, "", False),
    ("405", "Merchant fees", "EXPENSE", "EXPENSE", False, "", False),
    ("429", "General expenses", "EXPENSE", "EXPENSE", False, "", False),
    ("610", "Accounts receivable", "CURRENT", "ASSET", False, "DEBTORS", False),
    ("800", "Accounts payable", "CURRLIAB", "LIABILITY", False, "CREDITORS", False),
    ("820", "Sales tax", "CURRLIAB", "LIABILITY", False, "GST", False),
    ("860", "Rounding", "CURRLIAB", "LIABILITY", False, "ROUNDING", False),
    ("881", "Owner funds introduced", "EQUITY", "EQUITY", True, "", False),
]

# name, first, last, e-mail ("" for none)
CONTACTS: dict[str, list[tuple[str, str, str, str]]] = {
    "harrow": [
        ("Pemberley Interiors Ltd", "Jane", "Ashworth", "accounts@pemberley-interiors.example"),
        ("Lowfield Dental Practice", "Imran", "Qureshi", "office@lowfield-dental.example"),
        ("Marlowe & Daughters", "Beth", "Marlowe", "books@marlowe-daughters.example"),
        ("R. Okonkwo", "Rita", "Okonkwo", "rita@okonkwo.example"),
        ("Juniper Yard Studios", "Leo", "Hart", "studio@juniperyard.example"),
        ("Oakhurst Primary School", "Sandra", "Pike", "finance@oakhurst-school.example"),
        ("Tidewater Cafés", "Marco", "Bell", "pay@tidewater-cafes.example"),
        ("St Brannock’s Parish Hall", "Ruth", "Gale", ""),
        ("Grachtenhuis Interieur BV", "Anneke", "de Wit", "facturen@grachtenhuis.example"),
    ],
    "kowhai": [
        ("Aroha Tamihana", "Aroha", "Tamihana", "aroha@tamihana.example"),
        ("Nelson Marina Trust", "Colin", "Reid", "accounts@nelson-marina.example"),
        ("Rangi Orchards", "Wiremu", "Rangi", "office@rangi-orchards.example"),
        ("Sandbar Hotel", "Tess", "Moller", "payables@sandbar-hotel.example"),
        ("Motueka Medical Centre", "Priti", "Nair", "admin@motueka-medical.example"),
        ("J & L Builders", "Josh", "Low", ""),
    ],
    "wren": [
        ("Daniel Achterberg", "Daniel", "Achterberg", "daniel@achterberg.example"),
        ("Maya Lindqvist", "Maya", "Lindqvist", "maya@lindqvist.example"),
        ("Hunter Rowing Club", "Owen", "Tran", "treasurer@hunter-rowing.example"),
        ("Coalface Gym", "Nadia", "Petrov", "accounts@coalface-gym.example"),
        ("Bridget O’Hara", "Bridget", "O’Hara", "bridget@ohara.example"),
        ("Northside Netball", "Kim", "Sutton", ""),
    ],
    "demo": [
        ("Ridgeway University", "Maria", "Lopez", "ap@ridgeway.example"),
        ("City Limousines", "Martin", "Dale", "accounts@city-limo.example"),
        ("Basket Case", "Ellen", "Ford", "hello@basket-case.example"),
        ("DIISR - Small Business Services", "Cory", "Webb", "cory@diisr.example"),
    ],
}

# number, contact (by place), reference, due in days, status, lines, cents paid
INVOICES: dict[str, list[tuple[str, int, str, int, str, list[tuple[str, str, str]], int]]] = {
    "harrow": [
        ("INV-2017", 1, "Sash windows, phase 2", -31, "AUTHORISED", [("Sash windows, phase 2", "1", "783.33")], 0),
        ("INV-2029", 2, "Door repair", -4, "AUTHORISED", [("Oak front door, repair and rehang", "1", "1225.00")], 0),
        ("INV-2035", 3, "Picture rails", -2, "AUTHORISED", [("Picture rails, two rooms", "2", "150.00")], 36000),
        ("INV-2038", 4, "Workbench, ash", 2, "AUTHORISED", [("Workbench in ash", "1", "760.83")], 0),
        (
            "INV-2041",
            0,
            "Oak staircase",
            5,
            "AUTHORISED",
            [
                ("Oak staircase, design and survey", "1", "240.00"),
                ("Solid oak treads, hand finished", "13", "42.00"),
                ("Fitting, two joiners for one day", "1", "284.00"),
            ],
            0,
        ),
        ("INV-2043", 5, "Library shelving", 8, "AUTHORISED", [("Library shelving", "1", "1916.67")], 115000),
        ("INV-2046", 6, "Counter and benches", 12, "AUTHORISED", [("Counter and benches", "1", "3020.96")], 0),
        ("INV-2047", 7, "Vestry cupboards", 14, "AUTHORISED", [("Vestry cupboards", "1", "406.67")], 0),
        ("INV-2048", 0, "Landing balustrade", 21, "DRAFT", [("Landing balustrade", "1", "910.00")], 0),
        ("INV-2049", 6, "Window seats", 21, "SUBMITTED", [("Window seats, three", "3", "265.00")], 0),
        ("INV-2030", 2, "Cancelled order", -3, "VOIDED", [("Hall table", "1", "640.00")], 0),
    ],
    "kowhai": [
        ("INV-0841", 0, "Heat pump circuit", -25, "AUTHORISED", [("Heat pump circuit", "1", "187.30")], 0),
        (
            "INV-0877",
            0,
            "Job 4418",
            -6,
            "AUTHORISED",
            [
                ("Switchboard upgrade, 18 circuits", "1", "1450.00"),
                ("EV charger, supply and install", "1", "1180.00"),
                ("Certificate of compliance", "1", "120.00"),
            ],
            0,
        ),
        ("INV-0883", 0, "Outdoor lighting repair", 3, "AUTHORISED", [("Outdoor lighting repair", "1", "95.65")], 0),
        ("INV-0890", 0, "Annual safety inspection", 22, "AUTHORISED", [("Annual inspection", "1", "547.83")], 0),
        ("INV-0891", 3, "Ballroom dimmers", 20, "DRAFT", [("Ballroom dimmers", "6", "212.00")], 0),
        ("INV-0879", 1, "Pontoon lights", -1, "VOIDED", [("Pontoon lights", "1", "830.00")], 0),
    ],
    "wren": [
        (
            "INV-3310",
            0,
            "Knee rehabilitation",
            1,
            "AUTHORISED",
            [
                ("Initial assessment, 60 minutes", "1", "128.00:EXEMPTOUTPUT"),
                ("Follow-up session, 40 minutes", "4", "98.00:EXEMPTOUTPUT"),
                ("Resistance band kit", "1", "36.00"),
            ],
            25000,
        ),
        (
            "INV-3311",
            1,
            "Shoulder",
            9,
            "AUTHORISED",
            [("Initial assessment, 60 minutes", "1", "128.00:EXEMPTOUTPUT")],
            0,
        ),
        ("INV-3312", 2, "Team screening", -9, "AUTHORISED", [("Team screening, half day", "1", "940.00")], 0),
        ("INV-3313", 3, "Workshop", 15, "DRAFT", [("Mobility workshop", "2", "310.00")], 0),
    ],
    "demo": [
        ("INV-0001", 0, "P/O CRM08-12", -12, "AUTHORISED", [("Desktop support", "5", "110.00")], 0),
        ("INV-0002", 1, "Fleet", 6, "AUTHORISED", [("Retainer", "1", "208.33")], 0),
        ("INV-0003", 2, "Packaging", 14, "AUTHORISED", [("Gift boxes", "120", "3.45")], 0),
    ],
}

# What fills each organisation up to about thirty invoices: description and price before tax.
JOBS: dict[str, list[tuple[str, str]]] = {
    "harrow": [
        ("Fitted wardrobe, oak veneer", "1180.00"),
        ("Kitchen doors, set of nine", "1420.50"),
        ("Skirting and architrave", "316.40"),
        ("Bespoke desk in walnut", "1895.00"),
        ("Site visit and survey", "95.00"),
        ("Loft ladder and hatch", "428.75"),
    ],
    "kowhai": [
        ("LED downlights, supply and fit", "512.00"),
        ("Call-out, two hours", "190.00"),
        ("Three-phase supply", "2240.00"),
        ("Smoke alarm system", "486.50"),
        ("Rangehood wiring", "164.20"),
    ],
    "wren": [
        ("Follow-up session, 40 minutes", "98.00"),
        ("Initial assessment, 60 minutes", "128.00"),
        ("Hydrotherapy block of five", "375.00"),
        ("Taping and bracing", "42.50"),
    ],
    "demo": [("Desktop support", "110.00"), ("Training day", "500.00"), ("Development work", "625.00")],
}
FIRST_NUMBER = {"harrow": 1990, "kowhai": 845, "wren": 3280, "demo": 10}
