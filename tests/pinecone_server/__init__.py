"""A fake of Pinecone for tests, on the loopback interface; tests use `PineconeServer`."""

from .differences import DIFFERENCES, Difference
from .faults import Fault
from .records import Delay, Index, Stored
from .server import OPERATIONS, PineconeServer, Seen

__all__ = ["DIFFERENCES", "OPERATIONS", "Delay", "Difference", "Fault", "Index", "PineconeServer", "Seen", "Stored"]
