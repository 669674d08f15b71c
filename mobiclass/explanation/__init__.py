"""What in a photo speaks for a class: activation maps, drawn over the photo."""
