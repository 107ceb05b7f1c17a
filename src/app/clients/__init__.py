"""How we talk out: one method per endpoint we use; vendor quirks stop here."""
