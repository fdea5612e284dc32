"""Run all sources of a plant at once and store their readings, each exactly once.

runners      the sources of a plant file, as the supervisor runs them
supervisor   the thread of a source: a failing source restarts with backoff and never stops the others
gateway      all sources, the shared spool and the HTTP server, with a report of their state
store        the gateway's own database
dead_letters rejected and dropped input
replay       store the readings of dead letters after a correction
folder       new files of a folder
push         readings that programs push over HTTP
tokens       their bearer tokens
answers      their idempotency keys
http_server  /metrics, /healthz and POST /api/v1/readings
metrics      Prometheus metrics
"""
