"""Decide: pure Python, no clock, no network, no environment."""
