"""Cameras' raw files: recognized by their content, and decoded by LibRaw in a process of its own."""
