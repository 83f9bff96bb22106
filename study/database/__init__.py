"""The database: tables, transactions, the ledger."""
