"""What moves: the names and the order of face curves, joints and landmarks, and a mesh between those. Imports `assets` and below."""
