"""The compact tokenizer: video to reference-conditioned latents and back."""
