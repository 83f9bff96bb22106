"""The gateway: the page, and the counter at which places are asked for."""
