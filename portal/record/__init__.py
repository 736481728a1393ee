"""The record of a person: contacts, three columns, and what happened in one line of time.

Promises: nothing is typed twice, because the timeline reads what was done where it was done;
nothing is overwritten, because a mistake is put right by another line. Never shows anything to
somebody who may not see the person.
"""
