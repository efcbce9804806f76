"""Notes as values: their fields, how records keep them, what is allowed in them."""
