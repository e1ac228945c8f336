"""All exceptions of calls: `except errors.InsufficientFunds as error: error.conflict.available`."""

from iocash_client.generated.conflict_errors import *  # noqa: F403 (all of them, by their codes)
from iocash_client.generated.errors import *  # noqa: F403 (the same)
from iocash_client.problems import *  # noqa: F403 (those of the statuses, and without an answer)
