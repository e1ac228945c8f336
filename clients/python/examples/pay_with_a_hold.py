"""Reserve Alice's money, pay a part of it to Bob, and release the rest."""

import os
from decimal import Decimal

from iocash_client import Client
from iocash_client.models import ExecutionBody, HoldBody, HoldChange

with Client(os.environ["IOCASH_URL"], os.environ["IOCASH_KEY"]) as client:
    hold = client.create_hold(
        os.environ["ALICE"], HoldBody(target_wallet_id=os.environ["BOB"], amount=Decimal(10))
    )
    client.execute_hold(hold.wallet_id, hold.id, ExecutionBody(amount="4.00", keep_open=True))
    ended = client.update_hold(hold.wallet_id, hold.id, HoldChange(status="RELEASED"))
    print(ended.status, ended.executed_amount, ended.released_amount)
