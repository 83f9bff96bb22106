"""From votes to results: tables, figures, the bundle and its verification."""
