"""A server on the loopback interface that stands in for Pinecone in tests; `PineconeServer` is all that one needs."""

from .differences import DIFFERENCES, Difference
from .faults import Fault
from .records import Delay, Index, Stored
from .server import OPERATIONS, PineconeServer, Seen

__all__ = ["DIFFERENCES", "OPERATIONS", "Delay", "Difference", "Fault", "Index", "PineconeServer", "Seen", "Stored"]
