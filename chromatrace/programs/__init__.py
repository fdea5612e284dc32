"""Programs of machines (DNC): which one may run, and how it gets to the machine.

release      released programs, and the rule that selects the one that may run
port         what a gateway needs of a machine
folder_port  a machine that reads a file
opcua_port   a machine with variables and methods over OPC UA
guard        load a program with read-back, start it, and stop the machine if it has another one
"""
