"""The shapes of users and their KYC documents, in requests and answers. Shape only."""
