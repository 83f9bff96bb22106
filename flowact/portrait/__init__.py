"""Looking at a portrait: landmarks, pose, notices and the aligned picture. Imports `media` and below."""
