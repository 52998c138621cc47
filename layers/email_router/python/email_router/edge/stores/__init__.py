"""What the router remembers: rows, blobs, secrets."""
