"""What happens to users and clients without a request. `manage.py work` imports this."""

from __future__ import annotations

from iocash.worker import add_duties
from users.duties.approvals import ExpireApprovals
from users.duties.barrier import AdvanceBarrier
from users.duties.codes import DeliverCodes
from users.duties.digests import SendDigests
from users.duties.levels import EndLapsedLevels
from users.duties.members import CopyMembers
from users.duties.webhooks import (
    DeleteWebhookAttempts,
    DeliverWebhooks,
    MailAboutWebhooks,
    ResealSecrets,
)

add_duties(
    AdvanceBarrier(),
    EndLapsedLevels(),
    ExpireApprovals(),
    CopyMembers(),
    SendDigests(),
    DeliverCodes(),
    DeliverWebhooks(),
    MailAboutWebhooks(),
    DeleteWebhookAttempts(),
    ResealSecrets(),
)
