"""Every error that Tidemark raises on purpose, as one tree.

    TidemarkError
    ├── BadSettings          a key, value or combination in settings.toml or TIDEMARK_*
    ├── UnknownName          a symbol, market, timeframe, feature, window, recipe or gate nobody declared
    ├── BadSpan              a span in the future, or an end before its start
    ├── BadData              a file, row or table that is not what its schema says
    │   └── MissingData      nothing is there where something is required
    ├── VenueError           a venue that did not give what was asked of it; what it did give is kept
    │   ├── VenueDown        maintenance or outage: nothing is made up for that time
    │   │   └── NoAnswer     one request that got none, however often it was tried: the run fails, its pages stay
    │   ├── VenueRefused     not allowed, unknown or malformed: asking again cannot help
    │   ├── RateLimited      too many requests, and the wait it asks for is longer than we may wait
    │   ├── BadAnswer        an answer that is no answer: HTML, empty, cut off, another schema
    │   └── ClockSkew        this machine's clock is too far from the venue's to know which bar has closed
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


class VenueError(TidemarkError):
    """A venue that did not give what was asked of it."""


class VenueDown(VenueError):
    """Maintenance or outage of a venue."""


class NoAnswer(VenueDown):
    """A request without an answer after every try, of a venue that is not known to be down."""


class VenueRefused(VenueError):
    """A request that the venue will never answer: permission, country, name or form."""


class RateLimited(VenueError):
    """More requests than the venue allows."""


class BadAnswer(VenueError):
    """An answer that cannot be believed to be one."""


class ClockSkew(VenueError):
    """A local clock too far from the venue's."""


class NotEnoughEvidence(TidemarkError):
    """Too few independent labels."""


class BadBundle(TidemarkError):
    """A bundle that must not be loaded."""


class NotPromotable(TidemarkError):
    """A candidate that the gates refuse."""


class SessionRefused(TidemarkError):
    """A paper session that may not trade."""
