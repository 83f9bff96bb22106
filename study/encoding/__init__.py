"""The bytes of clips: what is encoded, and how no size tells one from another."""
