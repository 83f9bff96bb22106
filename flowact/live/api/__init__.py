"""The versioned interface of sessions, `/v1`: HTTP to make them, a socket to speak with them."""
