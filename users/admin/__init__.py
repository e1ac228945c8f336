"""The back office of clients, keys, users, reviews, events and staff.

All modules of this package are loaded with it: each registers its own pages.
"""

from importlib import import_module
from pkgutil import iter_modules

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
