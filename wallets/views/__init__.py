"""The endpoints of wallets, movements, holds and external accounts."""
