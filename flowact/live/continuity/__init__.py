"""Sessions that outlive their server: what is kept of them, where, and who may go on with them."""
