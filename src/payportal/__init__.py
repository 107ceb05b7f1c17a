"""The customer's side: pay pages, checkout, receipts."""
