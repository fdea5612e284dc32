"""Orders of an ERP or MES, what was produced for them, and what is sent back.

desk      import orders and report about them
progress  quantities, yields and steps of an order
quality   inspections of an order's batches
genealogy what an order's batches are made of
tables    reports as CSV
outgoing  webhook messages about changed reports
"""
