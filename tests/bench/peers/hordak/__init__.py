"""django-hordak 2.0's `transfer_to` behind an endpoint of DRF, with a lock and a balance check.

It is spared a lot: there are no idempotency keys, no events, no digests, no users with levels, and
who calls is compared with one word in memory. Its accounts and transactions get an index by uuid.
"""
