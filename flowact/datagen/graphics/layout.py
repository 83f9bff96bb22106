"""What the rows and columns of the renderer's matrices hold, and the numbers of its materials."""

SKIN, EYE, TEETH, TONGUE, LASHES, HAIR, CLOTH, HAIR_CARD, CARD = range(9)

# Columns of the attribute matrix.
POSITION, NORMAL, REST, TANGENT, AO, STRAND = 0, 3, 6, 9, 12, 13
ATTRIBUTES = 15


# Rows of the lights matrix [8 or 17, 3]: directions towards the lights and linear RGB radiances. With 17, the
# last nine are spherical harmonics of the light from all sides, which stand for SKY and GROUND.
KEY, KEY_COLOUR, FILL, FILL_COLOUR, RIM, RIM_COLOUR, SKY, GROUND, HARMONICS = range(9)
LIGHTS = HARMONICS + 9

# Rows of the paint matrix [15, 3]. EYES takes two rows (centres left, right); SIZES holds eye radius, front of the
# teeth (template z) and pattern number; GARMENT pattern scale, top and depth of a jacket's opening;
# WINDOW the UV corners (u0, v0, v1) of the head's texture, which reaches to u = 1.
IRIS_INNER, IRIS_OUTER, HAIR_ROOT, HAIR_TIP, CLOTH_MAIN, CLOTH_SECOND, CLOTH_TRIM, CLOTH_INNER = (
    range(8)
)
LASH, TONE, EYES, SIZES, GARMENT, WINDOW = 8, 9, 10, 12, 13, 14
PAINT_ROWS = 15
