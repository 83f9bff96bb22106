"""Showing that a study is blinded and that its server holds: audit, simulated people, load."""
