"""Users (people and companies), API clients, authentication and KYC. No ledger code."""
