"""The live page's server: sessions, protocol, access. May import serving, the planner and below."""
