"""Who may come in: tickets, places, origins, rates, uploads."""
