"""Seeded lives of the whole product: one loop, one clock and one source of chance, over a real PostgreSQL and the sandbox."""
