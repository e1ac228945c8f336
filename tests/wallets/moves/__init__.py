"""Tests of moves of clients between groups."""
