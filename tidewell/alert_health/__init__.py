"""How well alerts serve the people who answer them: figures of a time, about nobody in it."""
