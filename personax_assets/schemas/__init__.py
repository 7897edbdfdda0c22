"""The one registry of table schemas.

Belongs here: what each table holds, column by column, a module per stage of the data flow. DDL,
Dagster's column metadata, generic asset checks and the documentation are all derived from it. Does
not belong here: what a schema is (`table_schema`), reading or writing tables (`warehouse`), or
checks of a single stage.
"""
