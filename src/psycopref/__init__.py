"""psycopref: counseling principles into preference data, reward models, aligned models and figures
that hold.
"""

__version__ = "0.1.0"
