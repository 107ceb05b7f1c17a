"""The product in a real browser, as people use it."""
