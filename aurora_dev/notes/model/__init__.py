"""Notes as values: their fields, their checks, and how a store's records hold them."""
