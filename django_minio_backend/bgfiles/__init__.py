"""Files made in the background and fetched with a token: an app of its own, `bgfiles`."""
