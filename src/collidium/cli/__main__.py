"""``python -m collidium.cli``."""

from collidium.cli._main import main

if __name__ == "__main__":
    raise SystemExit(main())
