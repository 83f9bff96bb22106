"""Video autoencoders of large models in the place of FlowAct's own tokenizer."""
