"""Django's own tests, run with our storage in the place of the disk."""
