"""`email-router demo`: the main job on an embedded cloud, with made-up mail."""
