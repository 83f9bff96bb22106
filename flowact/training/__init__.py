"""The recipe: losses, samplers and one resumable loop for every stage.

May import hardware, the pipeline, the data engine and below.
"""
