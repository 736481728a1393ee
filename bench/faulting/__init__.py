"""Real faults on a real site: the parts of `python -m bench faults`."""
