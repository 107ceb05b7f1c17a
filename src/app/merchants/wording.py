"""What merchants may not write where customers read it under our roof: hidden signs, and addresses that lead elsewhere. Pure.

A name that reverses what is read, or that is itself a web address, is how strangers are led to another page.
"""

import re
import unicodedata

HIDDEN = "Use plain letters, numbers and punctuation only."
ADDRESS = "Leave out web addresses."
_SCHEME = re.compile(r"://|\bwww\.", re.IGNORECASE)
# Endings that mail programs and people take for an address; a list, because "J.R.Smith" is a name.
_ENDINGS = (
    "app|au|biz|ca|ch|cn|co|com|de|dev|es|eu|fr|ie|info|in|io|it|jp|link|live|me|net|nl|nz|online|org|page|pay|ru|shop|site|"
    "store|tech|to|top|uk|us|web|xyz"
)
_HOST = re.compile(rf"\b[a-z0-9-]{{2,}}\.(?:{_ENDINGS})\b|\b[a-z0-9-]+\.[a-z]{{2,}}/", re.IGNORECASE)


def hidden(text: str) -> bool:
    """Whether it holds control signs, or signs that are not seen or turn the direction of reading."""
    return not text.isprintable()


def said_problem(text: str) -> str:
    """What is wrong with words of the merchant's own choice; empty when nothing is."""
    return HIDDEN if hidden(text) else ADDRESS if _SCHEME.search(_plain(text)) or _HOST.search(_plain(text)) else ""


def given_problem(text: str) -> str:
    """What is wrong with a fact such as a registered name: "Harrow.com Ltd" is one, "www.harrow.com" is not."""
    return HIDDEN if hidden(text) else ADDRESS if _SCHEME.search(_plain(text)) else ""


def _plain(text: str) -> str:
    """The same with look-alike signs, such as full-width letters and dots, as what they look like."""
    return unicodedata.normalize("NFKC", text).replace("。", ".")
