"""The product with one view more, which answers a constant: what a read costs beside it."""
