"""The pictures of the docs, taken of the real program: pages in headless Chromium, terminals in tmux."""
