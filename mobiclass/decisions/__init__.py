"""From scores to an answer: the class where it is sure, else a group, else "unknown"."""
