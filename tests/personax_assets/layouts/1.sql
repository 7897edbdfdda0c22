-- The layout of version 1: the first tables of a home, before they said which version they have.
CREATE SCHEMA athlepersona;
CREATE SCHEMA quarantine;
CREATE SCHEMA personax;
CREATE TABLE athlepersona.raw_bios (
  "record_id" VARCHAR NOT NULL, "source" VARCHAR NOT NULL, "source_file" VARCHAR NOT NULL,
  "source_row" BIGINT, "source_id" VARCHAR, "name" VARCHAR, "birth_date" VARCHAR,
  "birth_date_format" VARCHAR, "country" VARCHAR, "country_basis" VARCHAR, "latitude" VARCHAR,
  "longitude" VARCHAR, "height" VARCHAR, "height_unit" VARCHAR, "weight" VARCHAR, "weight_unit"
  VARCHAR, "snapshot" VARCHAR, "photograph" VARCHAR, "league" VARCHAR NOT NULL, "raw" VARCHAR,
  "simulated" BOOLEAN NOT NULL
);
CREATE TABLE athlepersona.bios (
  "person_id" VARCHAR NOT NULL, "name" VARCHAR NOT NULL, "birth_year" SMALLINT, "birth_month"
  SMALLINT, "birth_day" SMALLINT, "country" VARCHAR, "country_basis" VARCHAR, "latitude" DOUBLE,
  "longitude" DOUBLE, "height_cm" DOUBLE, "weight_kg" DOUBLE, "league" VARCHAR, "photograph"
  VARCHAR, "source" VARCHAR NOT NULL, "source_id" VARCHAR, "simulated" BOOLEAN NOT NULL, "notes"
  VARCHAR
);
CREATE TABLE athlepersona.bios_history (
  "person_id" VARCHAR NOT NULL, "valid_from" TIMESTAMP NOT NULL, "valid_to" TIMESTAMP, "name"
  VARCHAR NOT NULL, "birth_year" SMALLINT, "birth_month" SMALLINT, "birth_day" SMALLINT,
  "country" VARCHAR, "country_basis" VARCHAR, "latitude" DOUBLE, "longitude" DOUBLE, "height_cm"
  DOUBLE, "weight_kg" DOUBLE, "league" VARCHAR, "photograph" VARCHAR, "source" VARCHAR NOT NULL,
  "source_id" VARCHAR, "simulated" BOOLEAN NOT NULL, "notes" VARCHAR, "row_hash" VARCHAR NOT
  NULL
);
CREATE TABLE quarantine.athlepersona_raw_bios (
  "source_file" VARCHAR NOT NULL, "source_row" BIGINT, "field" VARCHAR, "reason" VARCHAR NOT
  NULL, "raw_row" VARCHAR
);
CREATE TABLE quarantine.athlepersona_bios (
  "source_file" VARCHAR NOT NULL, "source_row" BIGINT, "field" VARCHAR, "reason" VARCHAR NOT
  NULL, "raw_row" VARCHAR
);
CREATE TABLE personax.stages (
  "asset" VARCHAR NOT NULL, "status" VARCHAR NOT NULL, "reason" VARCHAR, "rows" BIGINT,
  "seconds" DOUBLE, "data_version" VARCHAR, "inputs" VARCHAR, "run_id" VARCHAR, "finished_at"
  TIMESTAMP
);
