"""The messages of ISO 20022, read and written without a database."""
