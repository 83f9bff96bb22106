"""What moves: face curves, joints, landmarks and a mesh between those, by name and order. Imports `assets` and below."""
