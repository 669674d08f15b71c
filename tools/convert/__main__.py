"""Runs `tools.convert.command`."""

from mobiclass.cli import separate_streams
from tools.convert.command import main

if __name__ == "__main__":
    separate_streams()  # discards the native logs of TensorFlow and the runtimes
    main()
