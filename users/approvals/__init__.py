"""Approvals: one member of staff asks for an act, another one approves it, and then it is run.

An act is a subclass of `Approvable`, which its app registers. Nothing here knows what an act does.
There is no setting and no permission with which one person can do both.
"""
