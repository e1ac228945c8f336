"""Exports: a client as a folder that another server can import, and one person as JSON or PDF."""
