"""Webhooks: signed POST requests that tell clients about events."""
