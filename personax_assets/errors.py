"""The error that people are meant to read.

Belongs here: the base class of every error whose message names what is wrong and how to mend it.
Everything else that is raised is a defect and keeps its traceback.
"""


class PersonaXError(Exception):
    """One clear line: the record or thing, the field, the mend."""


class TermsError(PersonaXError):
    """The terms of a source were not accepted.

    Parameters
    ----------
    message : str
        How to accept them.
    terms : str
        The terms, to be shown.
    """

    def __init__(self, message: str, terms: str) -> None:
        super().__init__(message)
        self.terms = terms


class SkipStageError(PersonaXError):
    """A stage has no input; it is skipped with this reason, and that is not a failure."""
