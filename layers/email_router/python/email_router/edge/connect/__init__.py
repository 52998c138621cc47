"""Log in to a foreign system and hold the line."""
