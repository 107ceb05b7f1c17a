"""What a merchant does: sign in, set up, connect, brand, request payment."""
