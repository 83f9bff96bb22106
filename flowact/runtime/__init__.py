"""What surrounds the pipeline on a real machine: precision, threads, commands."""
