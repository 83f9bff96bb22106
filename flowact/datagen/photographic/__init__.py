"""People who look photographed: textures of MakeHuman (CC0), cards of hair, light from HDR pictures."""
