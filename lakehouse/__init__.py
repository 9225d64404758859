"""Where the tables are and how to get at them: session, catalog, ingest, tables, pipeline, command line."""
