"""A fleet under load and under blows: viewers without a browser, what they see, and who is killed meanwhile."""
