"""What a person wears as a mesh with a texture: hair, beard, glasses, hats."""
