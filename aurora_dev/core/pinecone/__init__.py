"""The parts of the Pinecone store."""
