"""How the back office writes dates, times and numbers: one format, with the time zone."""
