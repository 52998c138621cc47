"""Choose the adapters and hand them to the flows."""
