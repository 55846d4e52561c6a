"""Entry point: see `gcpdouble.launcher`."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gcpdouble.launcher import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
