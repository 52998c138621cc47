"""`email-router import-legacy`: make a configuration of the original E-mail Router's own file."""
