"""Webhooks as in the Standard Webhooks specification (standardwebhooks.com).

signature  headers `webhook-id`, `webhook-timestamp`, `webhook-signature` (HMAC-SHA256), and secret files
address    which addresses a message may be sent to
post       one HTTP request, without redirects
queue      messages in SQL; they survive SIGKILL, and are sent at least once
sender     delivers due messages, each target on its own
"""
