"""From frames to latents: what each view sees, what landmarks add to it, and fitting through the decoder."""
