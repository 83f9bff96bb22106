"""Conditions of the transformer: sound and actions."""
