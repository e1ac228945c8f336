"""The HTTP dialect of the API: requests in, answers and problems out. It knows no wallet."""
