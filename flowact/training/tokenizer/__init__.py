"""Training the tokenizer's decoder and encoder on rendered clips."""
