"""Act by the decisions, through ports."""
