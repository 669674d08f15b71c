"""Runs `tools.build_builtin_model.command`."""

from mobiclass.cli import separate_streams
from tools.build_builtin_model.command import main

if __name__ == "__main__":
    separate_streams()  # discards the native logs of TensorFlow and the runtimes
    main()
