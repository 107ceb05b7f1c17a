"""The accounting truth: invoices, links, payments, the ledger and the write-back to Xero."""
