"""Virtual young people and the firmware of their devices; recorded data played as a device.

Whoever is made up here is made up whole: no value, name or story is taken from a real person.
"""
