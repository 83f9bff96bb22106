"""A coarse mesh over the face of a reference: where its lids, lips and jaw are, and where face curves move them."""
