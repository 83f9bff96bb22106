"""Where textures and lights come from: the list, the download, and the folder that it fills."""
