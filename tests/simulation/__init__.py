"""The simulation ring: the whole pipeline in one process, under invented time and invented faults.

`python -m tests.simulation --help` runs it by hand; README.md says what is real in it.
"""
