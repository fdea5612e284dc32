"""Transactions and reads of the contracts: typed calls, typed reads, fees, the durable outbox and its sender."""
