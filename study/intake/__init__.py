"""What a lab brings, looked at before anything is built: every file read, every difference named."""
