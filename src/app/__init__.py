"""The merchant's side of Payportal and the books both sides share."""
