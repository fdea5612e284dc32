"""Release programs of machines on the chain, and load, start and report them at the machine.

releases  release and list programs
gateway   what the gateway of a machine does
"""
