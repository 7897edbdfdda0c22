"""More than one machine: who executes steps, and how they leave tables for each other."""
