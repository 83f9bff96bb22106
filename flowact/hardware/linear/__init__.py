"""Which arithmetic the transformer's large matrix products are made in, and what else could."""
