"""Uploads from the browser straight to the bucket, and files that are published with their rows."""
