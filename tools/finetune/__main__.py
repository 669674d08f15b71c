"""The program: see `tools.finetune.command`."""

from mobiclass.cli import separate_streams
from tools.finetune.command import main

if __name__ == "__main__":
    separate_streams()  # what TensorFlow and the runtimes say of themselves goes nowhere
    main()
