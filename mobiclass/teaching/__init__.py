"""One's own classes on this machine: features of photos, a new head for a model, and how good it is."""
