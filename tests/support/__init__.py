"""What tests need: people, servers, files and requests, each in a module with a plain name."""
