"""Voices and the language model that the avatar speaks with."""
