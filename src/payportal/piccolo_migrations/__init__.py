"""Migrations of the customer's side."""
