"""Presenters: index records, documents and readings in the form and words that pages and the JSON API show."""
