"""Speech with exact phone times, and the mouth shapes that follow from it."""
