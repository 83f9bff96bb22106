"""The renderer: camera, rasteriser, shading, background."""
