"""The convolutions of a trained tokenizer, in forms for inference on a processor only."""
