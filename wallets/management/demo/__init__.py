"""The institution of the demo: its members, and ninety days of their money."""
