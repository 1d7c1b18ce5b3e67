"""``python -m hearfelt`` is the command ``hearfelt``."""

from hearfelt.cli import main

if __name__ == "__main__":
    main()
