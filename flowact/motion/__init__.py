"""What moves: face curves, joints, landmarks and a mesh between those. Imports `assets` and below."""
