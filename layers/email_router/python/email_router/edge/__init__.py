"""Adapters: one foreign system to one port each."""
