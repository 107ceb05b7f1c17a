"""What every test may ask for: a database, Redis, the sandbox and a browser, all real, all on this machine.

The fixtures stand in tests/fixtures/, one noun per file.
"""

import signal

from hypothesis import settings

pytest_plugins = [
    "tests.fixtures.offline",
    "tests.fixtures.clock",
    "tests.fixtures.database",
    "tests.fixtures.redis",
    "tests.fixtures.sandbox",
    "tests.fixtures.browser",
    "tests.fixtures.product",
    "tests.fixtures.till",
    "tests.fixtures.xero_says",
    "tests.fixtures.turn",
]


def pytest_configure() -> None:
    """Being told to stop is like Ctrl-C: fixtures are torn down, and no server is left behind. Hypothesis is steady."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # the same examples in every run, and none fails because the machine is busy
    settings.register_profile("steady", deadline=None, derandomize=True)
    settings.load_profile("steady")
