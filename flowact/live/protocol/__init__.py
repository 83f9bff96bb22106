"""What travels between page and server: messages, their binary form, the connection that carries them."""
