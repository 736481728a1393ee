"""What providers report of messages that they took: noted, and acted on when nobody got one."""
