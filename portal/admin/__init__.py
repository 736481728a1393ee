"""The administrator's pages: who is here, what was agreed, what holds, and who changed it."""
