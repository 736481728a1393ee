"""`python -m tidewell` is the command `tidewell`."""

from tidewell.commands import main

if __name__ == "__main__":
    main()
