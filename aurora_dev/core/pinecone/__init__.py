"""The parts of the Pinecone store. `requests` holds the parts that another remote store would share."""
