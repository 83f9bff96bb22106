"""What people look like: body, skin, hair, clothes, and the actor that wears them."""
