"""A small Google Cloud for tests: see ../README.md."""
