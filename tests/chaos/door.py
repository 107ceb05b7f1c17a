"""A door of the product with short waits, so that minutes show what takes hours: how long a lost answer is left alone, how
soon and how far back Stripe is asked for what no webhook told; and Xero's calls are not counted by the minute. Everything
else is the product as it ships.
"""

from datetime import timedelta

from app.books import budget, reconciliation
from app.books.writeback.timing import TIMING
from app.cli import main

if __name__ == "__main__":
    TIMING.quiet, TIMING.apart, TIMING.waiting = 6, 3, 3
    TIMING.lease, TIMING.renew = 8, 2
    # payments that trade brings in a day come in minutes: ten minutes of overlap would be thousands of events each time
    reconciliation.EVERY, reconciliation.OVERLAP = 15, timedelta(seconds=45)
    budget.PER_MINUTE = dict.fromkeys(budget.PER_MINUTE, 1_000_000)
    main()
