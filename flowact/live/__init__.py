"""The live page: a WebSocket protocol, what a visit does, and the page that shows it."""
