"""What PersonaX makes: the stages of both sub-datasets and the tables they fill."""
