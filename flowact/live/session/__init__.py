"""One visitor's session and what all sessions share."""
