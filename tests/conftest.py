"""What every test may ask for: a database, Redis, the sandbox and a browser, all real, all on this machine.

The fixtures stand in tests/fixtures/, one noun per file.
"""

import signal

pytest_plugins = [
    "tests.fixtures.offline",
    "tests.fixtures.database",
    "tests.fixtures.redis",
    "tests.fixtures.sandbox",
    "tests.fixtures.browser",
    "tests.fixtures.product",
    "tests.fixtures.till",
]


def pytest_configure() -> None:
    """Being told to stop is like Ctrl-C: fixtures are torn down, and no server is left behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
