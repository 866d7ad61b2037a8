"""``python -m homegrown``."""

from homegrown.cli.main import main

main()
