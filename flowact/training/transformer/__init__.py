"""The stages of the transformer, from flow matching to distillation, and of its audio encoder."""
