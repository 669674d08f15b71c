"""The program: see `tools.build_builtin_model.command`."""

from mobiclass.cli import separate_streams
from tools.build_builtin_model.command import main

if __name__ == "__main__":
    separate_streams()  # what TensorFlow and the runtimes say of themselves goes nowhere
    main()
