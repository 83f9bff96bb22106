"""Subcommands of the planner."""
