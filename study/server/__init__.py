"""The web application: API, voting page, administration."""
