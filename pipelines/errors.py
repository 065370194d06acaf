"""Every error that Tidemark raises on purpose, as one tree.

    TidemarkError
    ├── BadSettings          a key, value or combination in settings.toml or TIDEMARK_*
    ├── UnknownName          a symbol, market, timeframe, feature, window, recipe or gate nobody declared
    ├── BadSpan              a span in the future, or an end before its start
    ├── BadData              a file, row or table that is not what its schema says
    │   └── MissingData      nothing is there where something is required
    ├── NotEnoughEvidence    too few independent labels to train or to judge
    ├── BadBundle            a bundle whose hashes, features, timeframe or golden output disagree
    ├── NotPromotable        a candidate whose required verdicts do not all pass
    └── SessionRefused       a paper session that may not start or continue

Each message is one sentence: the thing, what was expected, what was found, what to do.
What does not live here: Dagster failures (assets/ turns these into them).
"""


class TidemarkError(Exception):
    """Root of the tree; a command that catches it prints the sentence and exits with 2."""


class BadSettings(TidemarkError):
    """Settings that cannot mean anything."""


class UnknownName(TidemarkError):
    """A name that nobody declared."""


class BadSpan(TidemarkError):
    """A time span that cannot be asked for."""


class BadData(TidemarkError):
    """Data that breaks its schema."""


class MissingData(BadData):
    """Required data that is not there."""


class NotEnoughEvidence(TidemarkError):
    """Too few independent labels."""


class BadBundle(TidemarkError):
    """A bundle that must not be loaded."""


class NotPromotable(TidemarkError):
    """A candidate that the gates refuse."""


class SessionRefused(TidemarkError):
    """A paper session that may not trade."""
