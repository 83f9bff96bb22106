"""Several devices share one transformer, frame by frame, and another may decode."""
