"""The core's pure rooms: tokens, keys, codes, settings, addresses, amounts."""

import string
from types import SimpleNamespace

import pytest
import zxingcpp
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from litestar.datastructures import Headers
from PIL import Image

from app.core import log, qr, states
from app.core.crypto import Vault, WrongKey, derive, digest
from app.core.http import caller_address, local_path
from app.core.money import Money
from app.core.tokens import ALPHABET, derive_token, grouped, read_token, token_hash
from app.settings import Settings, check, load
from payportal.amounts import WrongAmount, read_amount
from payportal.checkout import descriptor
from payportal.memo import Memo
from payportal.words import masked

KEY = derive("a secret of at least thirty-two characters", "link")
GOOD = {
    "app_env": "production",
    "base_url": "https://pay.example.com",
    "secret_key": "q8Zr2mVx0LbN5tYw7KcH3sDf9JgP4aEu",
    "token_keys": Fernet.generate_key().decode(),
    "xero_client_id": "0123456789ABCDEF0123456789ABCDEF",
    "xero_client_secret": "h3Kd8sLq2Zx9Vb4Nm7Tr1Yw6",
    "xero_webhook_key": "Pq7Lm2Xz9Rt4Vb8Nc3Kd6Hs1",
    "stripe_secret_key": "sk_live_0a1b2c3d4e5f",
    "stripe_webhook_secret": "whsec_9f8e7d6c5b4a3f2e1d0c",
    "stripe_thin_webhook_secret": "whsec_1a2b3c4d5e6f7a8b9c0d",
    "smtp_url": "smtps://user:pass@mail.example.com",
    "database_url": "postgresql://db.example.com/payportal",
}


@given(st.uuids(), st.integers(1, 1000))
def test_token_is_read_however_it_is_typed(link_id, version):
    """A token is the same in capitals, small letters, with and without dashes, and with look-alike letters."""
    token = derive_token(KEY, str(link_id), version)
    typed = grouped(token).lower().replace("0", "o").replace("1", "l")
    assert token == read_token(KEY, token) == read_token(KEY, typed)


@given(st.uuids(), st.integers(0, 15), st.sampled_from(ALPHABET))
def test_mistyped_token_dies_at_its_checksum(link_id, place, letter):
    """A token with one wrong character is no token."""
    token = derive_token(KEY, str(link_id), 1)
    wrong = token[:place] + letter + token[place + 1 :]
    assert (token if wrong == token else None) == read_token(KEY, wrong)


def test_guessed_tokens_are_refused():
    """Of 20,000 guesses none passes the checksum's neighbourhood of one in a million, and none opens with another key."""
    other = derive("another secret of thirty-two characters", "link")
    token = derive_token(KEY, "x", 1)
    assert read_token(other, token) is None
    assert token_hash(KEY, token) != token_hash(other, token)
    guesses = (f"{number:016d}" for number in range(20_000))
    assert 2 >= sum(read_token(KEY, guess) is not None for guess in guesses)


def test_vault_opens_with_any_key_and_seals_with_the_first():
    """After a rotation old secrets open, new ones need only the new key; the wrong key is refused, never garbled."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = Vault([old]).seal("token")
    both = Vault([new, old])
    assert "token" == both.open(sealed) == Vault([new]).open(both.seal("token"))
    with pytest.raises(WrongKey):
        Vault([new]).open(sealed)


def test_keys_for_different_uses_differ():
    """Each purpose has its own key."""
    secret = "a secret of at least thirty-two characters"
    assert 3 == len({digest(derive(secret, purpose), "x") for purpose in ("a", "b", "c")})


def test_qr_code_reads_back(tmp_path):
    """The PNG is read back as exactly the address; the SVG holds the same code, small enough to print well."""
    text = "HTTPS://PAY.EXAMPLE.COM/P/7K4M-9QXT-2B6H-M3WP"
    path = tmp_path / "code.png"
    path.write_bytes(qr.png(text))
    assert [text] == [found.text for found in zxingcpp.read_barcodes(Image.open(path))]
    svg = qr.svg(text, 'Pay "now" <b>')
    assert 'viewBox="0 0 37 37"' in svg  # version 3 with four quiet modules on each side
    assert "<b>" not in svg


@pytest.mark.parametrize(
    "text",
    ["//evil.example", "/\\evil.example", "/%2f%2fevil.example", "https://evil.example", "javascript:alert(1)",
     "/%5cevil.example", "//[", "/%2f[", "\\\\evil", "", "/\tevil", "/a\nb", "evil", "@evil"],
)  # fmt: skip
def test_only_local_paths_are_followed(text):
    """Whatever could lead to another host leads home instead."""
    assert "/invoices" == local_path(text)


def test_local_paths_are_kept():
    """An address of ours is followed with its question."""
    assert "/invoices?status=overdue&page=2" == local_path("/invoices?status=overdue&page=2")


@pytest.mark.parametrize(("proxies", "chain", "expected"), [
    (0, "6.6.6.6", "10.0.0.1"), (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"), (2, "203.0.113.9", "10.0.0.1"), (1, "", "10.0.0.1"),
    (2, "6.6.6.6, 203.0.113.9, 66.241.124.10", "203.0.113.9"), (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
])  # fmt: skip
def test_forged_forwarding_is_ignored(proxies, chain, expected):
    """Only what our own proxies wrote about the caller counts."""
    request = SimpleNamespace(client=SimpleNamespace(host="10.0.0.1"), headers=Headers({"x-forwarded-for": chain}))
    assert expected == caller_address(request, proxies)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "named"),
    [({"secret_key": ""}, "SECRET_KEY"), ({"secret_key": "a" * 40}, "SECRET_KEY"), ({"token_keys": ""}, "TOKEN_KEYS"),
     ({"base_url": "http://pay.example.com"}, "BASE_URL"), ({"base_url": "https://pay.example.com/"}, "BASE_URL"),
     ({"base_url": "https://xero.example.com"}, "BASE_URL"), ({"app_env": "staging"}, "APP_ENV"), ({"smtp_url": ""}, "SMTP_URL"),
     ({"redis_url": "redis://a", "amqp_url": "amqp://b"}, "REDIS_URL"), ({"xero_webhook_key": "short"}, "XERO_WEBHOOK_KEY"),
     ({"database_url": ""}, "DATABASE_URL"), ({"stripe_secret_key": "x"}, "STRIPE_SECRET_KEY"),
     ({"token_keys": "no-key"}, "TOKEN_KEYS"),
     ({"trusted_proxies": "abc"}, "TRUSTED_PROXIES"), ({"log_level": "LOUD"}, "LOG_LEVEL"), ({"port": "-1"}, "PORT"),
     ({"app_env": "demo", "secret_key": "a"}, "SECRET_KEY"), ({"app_env": "demo", "base_url": "http://a.example"}, "BASE_URL")],
)  # fmt: skip
def test_unusable_settings_are_named(change, named):
    """Good settings pass; each bad one is refused by name."""
    assert [] == check(Settings(**GOOD))
    assert any(named in problem for problem in check(Settings(**{**GOOD, **change})))


def test_settings_do_not_show_their_secrets():
    """Printing the settings shows no secret."""
    text = repr(Settings(**GOOD))
    assert not [name for name in ("secret_key", "token_keys", "smtp_url", "database_url") if GOOD[name] in text]


def test_settings_come_from_the_environment():
    """Variables are read by name; unknown and empty ones count for nothing."""
    found = load({"PORT": "9000", "REDIS_URL": "", "SHELL": "/bin/sh"})
    assert ("9000", "") == (found.port, found.redis_url)


@pytest.mark.parametrize(("typed", "minor"), [
    ("1284", 128400), ("1,284.00", 128400), (" £1284.00 ", 128400), ("0.50", 50), ("12.5", 1250), ("1284.00 GBP", 128400),
])  # fmt: skip
def test_typed_amounts_are_read(typed, minor):
    """An amount is read the ways people write it."""
    assert Money(minor, "GBP") == read_amount(typed, Money(128400, "GBP"), Money(30, "GBP"))


@pytest.mark.parametrize("typed", [
    "", "abc", "-5", "1e3", "1284.01", "99999999999999", "0.29", "1.005", "１２", "12,84", "NaN", "inf", "1 2 3 4 5", "0",
])  # fmt: skip
def test_wrong_amounts_are_answered_in_words(typed):
    """What is no amount, too much, too little or too fine is refused with a sentence that says what to enter."""
    with pytest.raises(WrongAmount, match=r"^Enter "):
        read_amount(typed, Money(1284_00 if typed != "1 2 3 4 5" else 100, "GBP"), Money(30, "GBP"))


@given(st.text(alphabet=string.printable, max_size=40))
def test_statement_descriptor_is_always_acceptable(number):
    """Whatever the invoice number, the suffix has only plain characters, a letter, and fits; or there is none."""
    made = descriptor(number)
    assert made == "" or (2 <= len(made) <= 10 and any(c.isalpha() for c in made) and not set(made) & set("<>\\'\"*"))


def test_masked_address_shows_little():
    """Enough to recognise one's own address, not enough to learn another's."""
    assert ("ac•••••@pemberley.example", "") == (masked("accounts@pemberley.example"), masked("nonsense"))


def test_kept_page_is_made_again_when_anything_changes():
    """A page is rendered once for equal inputs, anew for others, and old pages make room."""
    made: list[str] = []
    memo = Memo(2)

    def make() -> str:
        made.append("x")
        return f"page {len(made)}"

    assert "page 1" == memo.page("a", (1,), make) == memo.page("a", (1,), make)
    assert "page 2" == memo.page("a", (2,), make)
    memo.page("b", (1,), make)
    memo.page("c", (1,), make)
    assert "page 5" == memo.page("a", (2,), make)


def test_logs_hold_no_secrets():
    """Keys, bearer tokens, addresses and pay links are cut from what is logged."""
    event = {
        "event": "x", "note": "sk_live_abc123 and Bearer abc.def", "who": "hannah@harrowfinch.example",
        "path": "/p/7K4M-9QXT-2B6H-M3WP/pay", "refresh_token": "abc", "count": 3, "code": "rate_minute",
        "deep": {"url": ["/now/abcdefgh?invoiceNo=1", "/p/NN7G ECTY 2B1P FE62/pay"]},
    }  # fmt: skip
    text = str(log.redact(None, "info", event))
    for secret in ("sk_live", "abc.def", "hannah@", "7K4M", "'abc'", "abcdefgh", "ECTY", "FE62"):
        assert secret not in text
    assert "'count': 3" in text
    assert "rate_minute" in text


def test_machines_are_rendered_with_every_edge():
    """The page of states shows each edge of each machine."""
    machine = states.Machine(
        "thing", "a", (states.Edge("a", "b", "when it goes on"), states.Edge("b", "a", "back", forced=True))
    )
    text = states.render([machine])
    assert "| a | b | when it goes on |" in text
    assert "back (forced)" in text
    assert "('a','b')" in states.guard_sql(machine)
