"""The product's web door with one payment a call to Xero, to measure what sending them together is worth."""

from app.books.writeback import rows
from app.cli.main import main

vars(rows)["LARGEST_BATCH"] = 1
main(["web"])
