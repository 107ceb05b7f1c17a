"""Pages and webhooks of the merchant's side: handlers parse, call one room, render."""
