"""Statistics of side-by-side votes: pure functions on arrays and tidy frames, no database, no page."""
