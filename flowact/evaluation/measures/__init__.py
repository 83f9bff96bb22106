"""One measurement a module: what is generated, what is read in it."""
