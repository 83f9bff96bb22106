"""The web application: routes, page, and the handling of a connection."""
