"""Training of the landmark network on head shots: backgrounds, occluders, cameras, the stage."""
