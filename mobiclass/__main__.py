"""``python -m mobiclass`` is the same program as ``mobiclass``."""

from mobiclass.cli import main

if __name__ == "__main__":
    main()
