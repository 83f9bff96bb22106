"""Both sides of a conversation: turns that are heard, answers that are written, and what is said of them."""
