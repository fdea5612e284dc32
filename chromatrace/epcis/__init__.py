"""EPCIS 2.0: export chain events for partners' systems, and validate their documents strictly.

mapping      map a chain event to an EPCIS event (docs/epcis.md has the table)
document     create and parse documents
check        rules between members, with JSON pointers to errors
shape        members and values of each object
vocabulary   terms of the Core Business Vocabulary, and units
"""
