"""The same endpoint written the usual way: idiomatic DRF and ORM, honestly safe, as most would.

It works on the product's tables and keeps their books: `audit` checks what it wrote. Whoever can
make it faster without leaving out a check, please do.
"""
