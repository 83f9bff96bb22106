"""What the transformer is trained on: latents of rendered and of motion-only clips."""
