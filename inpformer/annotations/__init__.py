"""Labels and masks of pictures: a store that loses nothing, and the formats of other programs."""
