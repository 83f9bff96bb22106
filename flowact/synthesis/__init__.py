"""The data engine: characters, speech, animation and rendering of training clips."""
