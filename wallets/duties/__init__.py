"""What happens to wallets without a request. `manage.py work` imports this."""
