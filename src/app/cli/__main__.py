"""`python -m app.cli` is the command `payportal`."""

from app.cli.main import main

main()
