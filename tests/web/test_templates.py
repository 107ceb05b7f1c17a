"""Every template keeps its contract: it renders from a sample context, and the page is sound HTML without anything inline."""

import re
from collections import Counter

import pytest
from jinja2 import Environment, UndefinedError

from app.core.html import TEMPLATES as FOLDER
from app.core.html import environment
from tests.web.reading import Page
from tests.web.samples import TEMPLATES
from tests.web.samples.frame import Context

PARTS = {"app/_invoices_live", "payportal/_status"}
CASES = [(stem, case) for stem, cases in TEMPLATES.items() for case in cases]
PAGES = [
    (stem, case) for stem, case in CASES if not stem.startswith("emails/") and stem not in PARTS and case != "dialog"
]
MAILS = [(stem, case) for stem, case in CASES if stem.startswith("emails/")]
ROUTES = re.compile(
    r"^/($|#|auth/xero/login$|auth/logout$|xero/connect$|setup($|/)|invoices($|[?/])|payments($|\?|/[^/]+/refund$)|payouts($|[?/])|customers($|\?)"
    r"|settings/(branding|accounts|payments|xero)($|[?/])|writebacks/[^/]+/(retry|abandon|overpay|redate)$|help($|#)|security$|privacy$|terms$|p/)"
)


@pytest.fixture(scope="module")
def jinja() -> Environment:
    """The environment the product uses."""
    return environment()


def render(jinja: Environment, stem: str, case: str, **over: object) -> str:
    """The text of one template in one of its sample states."""
    context: Context = TEMPLATES[stem][case] | over
    return jinja.get_template(stem if "." in stem else f"{stem}.html").render(**context)


def test_every_template_has_a_sample() -> None:
    """No page or mail goes without a sample context and therefore without these tests."""
    folders = ("app", "payportal", "emails")
    there = {f"{folder}/{path.name}" for folder in folders for path in (FOLDER / folder).iterdir()}
    shown = {stem if "." in stem else f"{stem}.html" for stem in TEMPLATES}
    assert there - shown == {"emails/base.html"}


def test_every_template_says_what_it_needs() -> None:
    """The first thing in a template is a comment with its contract."""
    silent = [
        str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html") if not path.read_text().startswith("{#-")
    ]
    assert silent == []


@pytest.mark.parametrize(("stem", "case"), CASES)
def test_contract_is_complete(jinja: Environment, stem: str, case: str) -> None:
    """A template renders from its sample context alone; nothing is undefined, and no Python shows through."""
    text = render(jinja, stem, case)
    assert text.strip()
    assert [leak for leak in ("built-in method", "object at 0x", "None,", "{&#39;", "Undefined") if leak in text] == []


@pytest.mark.parametrize(("stem", "case"), PAGES)
def test_page_is_sound(jinja: Environment, stem: str, case: str) -> None:
    """A page names its language, has one main heading, closes its tags in order and uses no id twice."""
    page = Page(render(jinja, stem, case))
    ids = Counter(tag.attrs["id"] for tag in page.tags if "id" in tag.attrs)
    assert page.crossed == []
    assert [tag.attrs.get("lang") for tag in page.all("html")] == ["en-GB"]
    assert len(page.all("h1")) == 1
    assert [name for name, times in ids.items() if times > 1] == []
    assert all(title.words for title in page.all("title"))


@pytest.mark.parametrize(("stem", "case"), [pair for pair in CASES if not pair[0].startswith("emails/")])
def test_nothing_stands_inline(jinja: Environment, stem: str, case: str) -> None:
    """No page carries inline scripts, styles or handlers, so the strict security policy never gets in the way."""
    page = Page(render(jinja, stem, case))
    inline = [tag.name for tag in page.all("script") if not tag.attrs.get("src") or tag.words]
    inline += [
        f"{tag.name} {name}" for tag in page.tags for name in tag.attrs if name == "style" or name.startswith("on")
    ]
    inline += [tag.name for tag in page.all("style")]
    assert inline == []


@pytest.mark.parametrize(("stem", "case"), PAGES)
def test_every_field_is_labelled(jinja: Environment, stem: str, case: str) -> None:
    """Whoever cannot see the page hears what each field and button is for."""
    page = Page(render(jinja, stem, case))
    named = {tag.attrs.get("for") for tag in page.all("label")}
    fields = [tag for tag in page.all("input", "select", "textarea") if tag.attrs.get("type") != "hidden"]
    silent = [t.attrs for t in fields if not (t.in_label or t.attrs.get("aria-label") or t.attrs.get("id") in named)]
    assert silent == []
    assert [tag.line for tag in page.all("button", "a", "summary") if not tag.words] == []


@pytest.mark.parametrize(("stem", "case"), PAGES)
def test_every_post_carries_the_token(jinja: Environment, stem: str, case: str) -> None:
    """Each form that posts sends the token that proves it came from our page."""
    page = Page(render(jinja, stem, case, csrf_token="the-token"))
    forms = [tag for tag in page.all("form") if tag.attrs.get("method") == "post"]
    tokens = [tag for tag in page.all("input") if tag.attrs.get("name") == "_csrf_token"]
    assert [tag.attrs["value"] for tag in tokens] == ["the-token"] * len(forms)


@pytest.mark.parametrize(("stem", "case"), PAGES)
def test_links_lead_somewhere(jinja: Environment, stem: str, case: str) -> None:
    """Every link and form goes to an address the product answers, or to a part of the same page."""
    page = Page(render(jinja, stem, case))
    ids = {tag.attrs.get("id") for tag in page.tags}
    goals = [str(tag.attrs.get("href") or tag.attrs.get("action")) for tag in page.all("a", "form")]
    lost = [goal for goal in goals if goal.startswith("/") and not ROUTES.match(goal)]
    lost += [goal for goal in goals if goal.startswith("#") and goal[1:] not in ids]
    lost += [goal for goal in goals if not re.match(r"/|#|https:|mailto:|tel:", goal)]
    assert lost == []


@pytest.mark.parametrize(
    ("stem", "case", "names"),
    [
        ("app/landing", "visitor", {"Sign in with Xero", "See how it works", "Get started"}),
        ("app/setup", "middle", {"Continue with Stripe", "What will I need?"}),
        ("app/organisations", "open", {"Connect organisation", "Approve another in Xero"}),
        (
            "app/invoices",
            "list",
            {"Request payment for INV-2046", "Remind INV-2041", "View INV-2038", "Request payment"},
        ),
        ("app/invoices", "empty", {"Create an invoice in Xero", "Check again"}),
        ("app/invoices", "trouble", {"Reconnect to Xero", "Fix and try again, INV-2022", "Mark as done, INV-2022"}),
        ("app/invoice", "open", {"View in Xero", "Send again", "Copy", "Poster", "Insert"}),
        ("app/invoice", "no_link", {"Request payment"}),
        ("app/request", "page", {"Send request"}),
        ("app/settings_accounts", "open", {"Save", "Undo changes"}),
        ("app/settings_branding", "open", {"Save", "Undo changes"}),
        ("app/settings_xero", "connected", {"Sync Harrow & Finch Joinery Ltd now", "Connect another organisation"}),
        ("app/settings_xero", "asks", {"Disconnect from Xero", "Keep it connected"}),
        ("payportal/pay", "open", {"Pay £1,284.00this amount", "Call Harrow & Finch Joinery on 0117 496 0142"}),
        ("payportal/pay", "failed", {"Try again"}),
        ("payportal/pay_state", "paid", {"View receipt", "Download PDF"}),
        ("payportal/receipt", "full", {"Print", "Download PDF"}),
    ],
)
def test_actions_bear_their_names(jinja: Environment, stem: str, case: str, names: set[str]) -> None:
    """Buttons and links are called what the design calls them."""
    assert names - Page(render(jinja, stem, case)).words("a", "button") == set()


@pytest.mark.parametrize(
    ("stem", "case", "heading"),
    [
        ("app/landing", "visitor", "Turn Xero invoices into paid invoices"),
        ("app/setup", "middle", "Nearly there, Hannah"),
        ("app/organisations", "open", "Which organisation should we connect?"),
        ("app/invoices", "empty", "No invoices waiting to be paid"),
        ("app/invoices", "no_match", "Nothing matches “zebra”"),
        ("app/invoices", "trouble", "Xero is disconnected, so invoices are not updating"),
        ("app/invoices", "trouble", "1 payment could not be recorded in Xero"),
        ("app/invoice", "paid", "Paid and up to date in Xero"),
        ("app/settings_accounts", "errors", "There is 1 thing to fix"),
        ("payportal/pay", "open", "Invoice INV-2041"),
        ("payportal/pay", "failed", "Your payment did not go through"),
        ("payportal/pay_state", "processing", "Your payment is on its way"),
        ("payportal/pay_state", "paid", "Paid, thank you"),
        ("payportal/pay_state", "void", "Nothing to pay"),
        ("payportal/pay_state", "expired", "This link has expired"),
        ("payportal/receipt", "full", "Receipt"),
    ],
)
def test_states_say_their_words(jinja: Environment, stem: str, case: str, heading: str) -> None:
    """Each state is announced in the words agreed for it."""
    assert heading in Page(render(jinja, stem, case)).words("h1", "h2")


@pytest.mark.parametrize("case", TEMPLATES["payportal/pay"])
def test_pay_page_needs_no_script(jinja: Environment, case: str) -> None:
    """Customers pay without JavaScript: the pay page loads none at all."""
    assert Page(render(jinja, "payportal/pay", case)).all("script") == []


@pytest.mark.parametrize("state", ["processing", "confirming"])
def test_waiting_page_updates_itself(jinja: Environment, state: str) -> None:
    """A page that waits asks again by itself, with JavaScript and without."""
    text = render(jinja, "payportal/pay_state", state)
    assert 'hx-get="/p/7K4M-9QXT-2B6H-M3WP/status?cs=cs_test_1" hx-trigger="every 5s"' in text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text
    assert "Please do not pay again." in text


def test_settled_page_stops_asking(jinja: Environment) -> None:
    """Once the outcome is known, nothing polls any more."""
    assert "hx-get" not in render(jinja, "payportal/_status", "paid")


def test_live_part_keeps_the_choice(jinja: Environment) -> None:
    """The list asks for itself again with the same search, filter, order and page."""
    text = render(jinja, "app/invoices", "list", q="oak & ash", status="overdue", page=3)
    assert 'hx-get="/invoices/live?q=oak+%26+ash&amp;status=overdue&amp;sort=due&amp;page=3"' in text.replace(
        "%20", "+"
    )


def test_hostile_names_stay_text(jinja: Environment) -> None:
    """A customer's name cannot become markup."""
    rows = [TEMPLATES["app/customers"]["list"]["rows"][0]]
    rows[0].name, kept = "<script>alert(1)</script>", rows[0].name
    text = render(jinja, "app/customers", "list", rows=rows)
    rows[0].name = kept
    assert "<script>alert" not in text


def test_missing_name_is_an_error(jinja: Environment) -> None:
    """A handler that forgets a value learns it at once instead of showing an empty place."""
    context = {key: value for key, value in TEMPLATES["payportal/pay"]["open"].items() if key != "host"}
    with pytest.raises(UndefinedError, match="host"):
        jinja.get_template("payportal/pay.html").render(**context)


@pytest.mark.parametrize(("stem", "case"), MAILS)
def test_mail_carries_what_matters(jinja: Environment, stem: str, case: str) -> None:
    """Every mail leads somewhere by a full address and loads nothing from anywhere."""
    text = render(jinja, stem, case)
    assert "https://" in text
    assert re.search(r"<(img|script|link)\b", text) is None
    assert ("&amp;" in text) is (stem.endswith(".html") and "&" in text)


def test_text_mail_is_plain(jinja: Environment) -> None:
    """A text mail keeps an ampersand an ampersand."""
    assert "Harrow & Finch" in render(jinja, "emails/payment_request.txt", "sample")
