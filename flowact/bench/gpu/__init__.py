"""What a rented GPU is measured with: one command, under nine minutes, what matters most first."""
