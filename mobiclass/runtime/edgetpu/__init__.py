"""A model on a Coral Edge TPU: the process that owns the device, and what its failures mean."""
