"""Log in to each kind of outgoing server without sending anything."""
