"""Taking votes: participants, pairs, answers, quality, the study's life."""
