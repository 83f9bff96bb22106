"""The recipe: losses, samplers and one resumable loop for every stage."""
