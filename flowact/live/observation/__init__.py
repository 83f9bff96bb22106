"""What can be known of the page while it runs: events, and what turns a session into them."""
