"""Processes of the worker: kept alive, replaced, renewed, with their sessions going on elsewhere."""
