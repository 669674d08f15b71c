"""What a person sees on a terminal: text, tables, progress, and streams that hold nothing else."""
