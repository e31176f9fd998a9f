// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// What follows from the rows: processes, and what each row is marked with.

// Marks of rows beside the flags that impscan has.
const MARK_MATCHED = "matched";
const MARK_INJECTED = "injected";
const MARK_UNREAD = "not read whole";

// Flags that a module has because of its process.
const PROCESS_FLAGS = ["hidden", "exited"];

class Model {
  constructor(report) {
    this.report = report;
    this.modules = report.tables.modules;
    this.several = imagesOf(report).length > 1;
    this.images = imagesOf(report);
    this.readProcesses();
    this.readModules();
    this.readMarks();
  }

  processKey(table, row) {
    return [
      table.text(row, "image"),
      table.text(row, "eprocess"),
      table.text(row, "pid"),
      table.text(row, "process"),
    ].join("\0");
  }

  // The processes of the machine; those that only rows of modules have come last.
  readProcesses() {
    this.processes = [];
    this.processByKey = new Map();
    const table = this.report.tables.processes;
    for (let row = 0; row < table.length; row++) this.addProcess(table, row);
    const modules = this.modules;
    this.processOf = new Uint32Array(modules.length);
    for (let row = 0; row < modules.length; row++) {
      const known = this.processByKey.get(this.processKey(modules, row));
      this.processOf[row] = (known ?? this.addProcess(modules, row)).number;
    }
  }

  addProcess(table, row) {
    const process = {
      number: this.processes.length,
      table,
      row,
      pid: table.value(row, "pid"),
      ppid: table.value(row, "ppid"),
      name: table.text(row, "process"),
      image: table.text(row, "image"),
      started: table.text(row, "started"),
      exited: table.text(row, "exited"),
      flags: (table.value(row, "flags") ?? []).filter((flag) => PROCESS_FLAGS.includes(flag)),
      rows: 0,
      marked: 0,
      level: 0,
    };
    this.processes.push(process);
    this.processByKey.set(this.processKey(table, row), process);
    return process;
  }

  // Rows of one module in one process, one for each match, are one module.
  readModules() {
    const { modules, processOf } = this;
    this.first = new Uint32Array(modules.length);
    this.moduleCount = 0;
    const known = new Map();
    for (let row = 0; row < modules.length; row++) {
      const base = modules.text(row, "base");
      const key = `${processOf[row]} ${base} ${base ? "" : row}`;
      if (!known.has(key)) {
        known.set(key, row);
        this.moduleCount += base !== "";
      }
      this.first[row] = known.get(key);
      this.processes[processOf[row]].rows += this.first[row] === row && base !== "";
    }
  }

  readMarks() {
    const { modules } = this;
    const flags = modules.byName.get("flags");
    this.marks = [...(flags?.words ?? []), MARK_MATCHED, MARK_INJECTED, MARK_UNREAD];
    this.marksOf = new Uint32Array(modules.length);
    this.markCounts = this.marks.map(() => 0);
    for (let row = 0; row < modules.length; row++) {
      const own = flags ? columnValue(flags, row) : [];
      if (modules.value(row, "match") !== null || modules.value(row, "score") !== null)
        own.push(MARK_MATCHED);
      if (this.isInjected(row)) own.push(MARK_INJECTED);
      if (/^(partial|unreadable)$/.test(modules.text(row, "status"))) own.push(MARK_UNREAD);
      for (const mark of own) {
        const bit = this.marks.indexOf(mark);
        this.marksOf[row] |= 1 << bit;
        this.markCounts[bit] += this.first[row] === row || mark === MARK_MATCHED;
      }
    }
  }

  hasMark(row, mark) {
    return (this.marksOf[row] >>> this.marks.indexOf(mark)) & 1;
  }

  // Code that no loader put there: it was found in private memory and nowhere else.
  isInjected(row) {
    const found = this.modules.byName.get("found_in");
    return Boolean(found) && columnValue(found, row).join() === "private";
  }

  moduleName(row) {
    return this.modules.text(row, "module") || "(no module)";
  }

  processName(process) {
    return `${brief(process.name, 60) || "(no name)"} (${process.pid})`;
  }
}

// The names of all images that the page knows of, in order.
function imagesOf(report) {
  const images = new Set();
  for (const kind of ["machines", "processes", "modules"]) {
    const column = report.tables[kind].byName.get("image");
    for (const cell of new Set(column?.cells ?? [])) if (cell) images.add(texts[cell]);
  }
  for (const fact of report.facts) if (fact.image) images.add(fact.image);
  return [...images];
}
