"""What `local` and `demo` share: run the stack once and tell what happened."""
