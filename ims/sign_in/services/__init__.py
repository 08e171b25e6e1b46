"""Writing about sign-in: links, sessions, second factors, what a directory says."""
