"""`python -m inpformer`: the same as the `inpformer` command."""

from inpformer.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
