"""How PersonaX runs: definitions, jobs, the command line, the home folder."""
