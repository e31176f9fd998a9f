-- SPDX-License-Identifier: GPL-3.0-or-later
-- Rows of impscan (-a -o jsonl) as a table, for SQLite and PostgreSQL. Columns are fields of rows, by
-- their names; load-sqlite and load-postgresql fill those that stand here. Lists (flags, found_in) are
-- the text of their JSON: ["injected","modified"].
CREATE TABLE IF NOT EXISTS modules (
	image TEXT NOT NULL,
	pid BIGINT NOT NULL,
	ppid BIGINT,
	process TEXT,
	eprocess TEXT,
	base TEXT,
	size BIGINT,
	module TEXT,
	path TEXT,
	found_in TEXT,
	imports BIGINT,
	import_source TEXT,
	imphash TEXT,
	impfuzzy TEXT,
	impset TEXT,
	rebuilt_imports BIGINT,
	rebuilt_imphash TEXT,
	rebuilt_impfuzzy TEXT,
	rebuilt_impset TEXT,
	readable DOUBLE PRECISION,
	status TEXT,
	reason TEXT,
	flags TEXT,
	match TEXT,
	score BIGINT,
	matched_hash TEXT,
	note TEXT,
	timestamp BIGINT,
	typerefs BIGINT,
	typerefhash TEXT,
	typerefuzzy TEXT,
	go_functions BIGINT,
	gimphash TEXT,
	gimpfuzzy TEXT,
	assembly TEXT,
	mvid TEXT,
	go_version TEXT,
	go_module TEXT,
	started TEXT,
	exited TEXT,
	command_line TEXT,
	rebuilt_others TEXT,
	typerefhash_ordinal TEXT
);
CREATE INDEX IF NOT EXISTS modules_image ON modules (image, pid);
CREATE INDEX IF NOT EXISTS modules_imphash ON modules (imphash);
CREATE INDEX IF NOT EXISTS modules_impfuzzy ON modules (impfuzzy);
CREATE INDEX IF NOT EXISTS modules_match ON modules (match);
