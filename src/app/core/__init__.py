"""Mechanisms without domain words: database, broker, durable work, money, crypto."""
