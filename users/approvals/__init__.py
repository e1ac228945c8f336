"""Approvals: one member of staff asks for an action, another one approves it, and then it is run.

An action is a subclass of `Approvable`, which its app registers. Nothing here knows what an action
does. There is no setting and no permission with which one person can do both.
"""
