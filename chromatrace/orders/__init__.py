"""Production orders of an ERP or MES: read, check, version and store them, and deliver webhooks about them.

order       an order, and the difference between two versions
rows        orders as they were sent, before the check
csv_table   a CSV export; columns, dates and decimal mark by the plant file
b2mml       JSON with the names of B2MML, and the project's own JSON
checking    a sent order to a checked one: products, quantities, dates
store       orders, versions, imports and assigned batches in SQL
importing   one file: all orders or none, with a report
tokens      access tokens of ERP and MES systems
webhooks    the queue of signed messages, and their delivery
"""
