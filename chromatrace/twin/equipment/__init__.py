"""Use and maintenance of machines, computed from the logs of readings.

series       readings of a machine's tags, in the order of time
usage        time in each status, downtime by reason, runs and counts
counters     maintenance counters: integrals, increases, running hours, runs
forecast     when a counter reaches its limit
maintenance  the state of every task of the plant file
done         when a task was done last, in SQL
"""
