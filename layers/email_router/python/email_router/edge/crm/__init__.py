"""Where e-mail activities are kept."""
