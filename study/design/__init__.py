"""A study before it opens: configuration, manifest, clips, pairs."""
