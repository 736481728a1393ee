"""How good the detection core is on recorded people: figures, each beside what chance would reach.

Nothing here knows how a score is made: the command line hands in an `Engine`, which is the detector
that runs on what devices send. Labels of recorded people never leave this package.
"""
