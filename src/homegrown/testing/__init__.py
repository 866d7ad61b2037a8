"""Builders, fakes and ``check_*`` contracts, for our tests and yours."""
