"""What moves: names and order of face curves, joints and landmarks, and a mesh between those. Imports `assets` and below."""
