"""The product with two views more, which answer a constant: what a read costs beside them."""
