"""Run the stack on this machine: emulator, assets, state."""
