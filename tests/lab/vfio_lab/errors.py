"""How the lab says that it cannot go on."""


class LabError(Exception):
    """The lab itself failed: what is wrong and what to do."""


class CannotRun(LabError):
    """The lab cannot work on this machine: a test is skipped, not failed."""
