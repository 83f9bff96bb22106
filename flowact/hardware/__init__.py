"""The machine: number formats, threads, memory, and predictions for GPUs. May import the pipeline and below."""
