"""EPCIS 2.0: events of the chain as a document for partners' systems, and strict reading of theirs.

mapping      one event of the chain -> one EPCIS event (docs/epcis.md has the table)
document     events -> a document; bytes -> a checked document
check        what we take, with a JSON pointer to whatever is wrong
vocabulary   the words of the Core Business Vocabulary, and units
"""
