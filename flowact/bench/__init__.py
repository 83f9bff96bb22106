"""The live page measured from outside: a real server, a real browser, a wire that can be cut."""
