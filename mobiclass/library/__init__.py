"""What people do with rows afterwards: sort, tag, export, review."""
