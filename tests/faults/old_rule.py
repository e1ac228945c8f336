"""The server under a rule that was wrong, to see that the tests of faults notice.

Whatever breaks a COMMIT is taken for a proof that nothing was done, as PostgreSQL's own FATAL once
was; so the payment is posted again.
"""

from __future__ import annotations

from iocash import wsgi  # first: it sets Django up
from iocash.db import outcome
from iocash.db.outcome import CommitOutcome

application = wsgi.application
outcome.find_out = lambda *_: CommitOutcome.ROLLED_BACK
