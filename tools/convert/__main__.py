"""The program: see `tools.convert.command`."""

from mobiclass.cli import separate_streams
from tools.convert.command import main

if __name__ == "__main__":
    separate_streams()  # what TensorFlow and the runtimes say of themselves goes nowhere
    main()
