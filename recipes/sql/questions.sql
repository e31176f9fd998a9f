-- SPDX-License-Identifier: GPL-3.0-or-later
-- Ten questions to the rows of many machines, for SQLite and PostgreSQL:
--
--	sqlite3 -box rows.db <questions.sql
--	psql -f questions.sql

-- 1. What is there of each machine, and how much of it could not be read?
SELECT image, COUNT(DISTINCT pid) AS processes, COUNT(base) AS modules, COUNT(imphash) AS hashed,
	SUM(CASE WHEN status IN ('ok', 'no-imports') THEN 0 ELSE 1 END) AS unread
FROM modules
GROUP BY image
ORDER BY image;

-- 2. Which modules are on one machine only, by name and imports?
SELECT LOWER(module) AS name, COALESCE(rebuilt_imphash, imphash) AS hash, MIN(image) AS machine,
	COUNT(DISTINCT pid) AS processes, MAX(flags) AS flags
FROM modules
WHERE COALESCE(rebuilt_imphash, imphash) IS NOT NULL
GROUP BY LOWER(module), COALESCE(rebuilt_imphash, imphash)
HAVING COUNT(DISTINCT image) = 1
ORDER BY name, hash;

-- 3. How did what was matched spread over machines and time? (Rows of a search: -e, -i, -s.)
SELECT match, COUNT(DISTINCT image) AS machines, COUNT(*) AS modules, MAX(score) AS best,
	MIN(started) AS first_started, MAX(started) AS last_started
FROM modules
WHERE match IS NOT NULL
GROUP BY match
ORDER BY machines DESC, match;

-- 4. Which modules have other imports than those of the same name on most machines?
WITH kinds AS (
	SELECT LOWER(module) AS name, imphash, COUNT(DISTINCT image) AS machines
	FROM modules
	WHERE imphash IS NOT NULL
	GROUP BY LOWER(module), imphash
), usual AS (
	SELECT name, MAX(machines) AS machines
	FROM kinds
	GROUP BY name
)
SELECT kinds.name, kinds.imphash, kinds.machines, usual.machines AS usual_on
FROM kinds
JOIN usual ON kinds.name = usual.name
WHERE kinds.machines < usual.machines
ORDER BY kinds.name, kinds.imphash;

-- 5. Which import list goes by several names?
SELECT imphash, COUNT(DISTINCT LOWER(module)) AS names, MIN(LOWER(module)) AS one,
	MAX(LOWER(module)) AS another, COUNT(DISTINCT image) AS machines
FROM modules
WHERE imphash IS NOT NULL
GROUP BY imphash
HAVING COUNT(DISTINCT LOWER(module)) > 1
ORDER BY names DESC, imphash;

-- 6. What is flagged, and where?
SELECT image, pid, process, module, base, flags
FROM modules
WHERE flags <> '[]'
ORDER BY image, pid, base;

-- 7. Which program was started by which other one on one machine only?
WITH processes AS (
	SELECT DISTINCT image, pid, ppid, LOWER(process) AS process
	FROM modules
)
SELECT parent.process AS parent, child.process AS child, MIN(child.image) AS machine
FROM processes AS child
JOIN processes AS parent ON parent.image = child.image AND parent.pid = child.ppid
GROUP BY parent.process, child.process
HAVING COUNT(DISTINCT child.image) = 1
ORDER BY parent.process, child.process;

-- 8. Which modules were loaded from another path than on most machines?
WITH places AS (
	SELECT LOWER(module) AS name, LOWER(path) AS path, COUNT(DISTINCT image) AS machines
	FROM modules
	WHERE path IS NOT NULL
	GROUP BY LOWER(module), LOWER(path)
), usual AS (
	SELECT name, MAX(machines) AS machines
	FROM places
	GROUP BY name
)
SELECT places.name, places.path, places.machines, usual.machines AS usual_on
FROM places
JOIN usual ON places.name = usual.name
WHERE places.machines < usual.machines
ORDER BY places.name, places.path;

-- 9. Why has a module no hash, and how often?
SELECT image, status, reason, COUNT(*) AS modules
FROM modules
WHERE imphash IS NULL AND rebuilt_imphash IS NULL AND status <> 'no-imports'
GROUP BY image, status, reason
ORDER BY image, modules DESC, status, reason;

-- 10. Which .NET assemblies and Go programs are on one machine only, by what their code refers to?
SELECT COALESCE(typerefhash, gimphash) AS hash, MIN(COALESCE(assembly, go_module, module)) AS name,
	MIN(image) AS machine, COUNT(*) AS modules
FROM modules
WHERE COALESCE(typerefhash, gimphash) IS NOT NULL
GROUP BY COALESCE(typerefhash, gimphash)
HAVING COUNT(DISTINCT image) = 1
ORDER BY hash;
