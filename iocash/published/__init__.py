"""The published ioCash API, as aliases of our own views. This package can be removed as a whole."""
