"""Inbox rules at each kind of server."""
