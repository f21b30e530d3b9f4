"""How fast and how lean storages are, side by side on one server: `make bench`."""
