"""Raised forearms and hands, drawn from a mesh: a portrait shows none, and a warp cannot make them."""
