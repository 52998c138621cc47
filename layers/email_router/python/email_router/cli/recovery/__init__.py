"""Back up one organisation into one encrypted file, and bring it back."""
