"""A sandbox that speaks Xero's and Stripe's HTTP protocols on this machine.

It is another world: nothing here imports the product, and the product reaches it through base URLs only. Start it with
``python -m sandbox``; docs/sandbox.md says what it simulates and where it is deliberately harsher than the real platforms.
"""
