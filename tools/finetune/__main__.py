"""Runs `tools.finetune.command`."""

from mobiclass.cli import separate_streams
from tools.finetune.command import main

if __name__ == "__main__":
    separate_streams()  # discards the native logs of TensorFlow and the runtimes
    main()
