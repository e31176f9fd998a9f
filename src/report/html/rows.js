// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// Which rows are shown, and in which order. No element of the page is touched here.

class RowView {
  constructor(model) {
    this.model = model;
    this.sort = { name: null, down: false };
    this.filter = { text: "", marks: new Set(), process: null, score: null };
    this.order = Uint32Array.from({ length: model.modules.length }, (_, row) => row);
    this.ranks = new Map();
    this.apply();
  }

  // The rows that pass all filters, in order.
  apply() {
    const tests = this.tests();
    const rows = new Uint32Array(this.order.length);
    let length = 0;
    for (const row of this.order) if (tests.every((test) => test(row))) rows[length++] = row;
    this.rows = rows.subarray(0, length);
  }

  // What a row must pass, one function for each filter that is set.
  tests() {
    const { filter, model } = this;
    const tests = [];
    if (filter.marks.size) {
      let bits = 0;
      for (const mark of filter.marks) bits |= 1 << model.marks.indexOf(mark);
      tests.push((row) => model.marksOf[row] & bits);
    }
    if (filter.process) {
      const wanted = filter.process.number;
      tests.push((row) => model.processOf[row] === wanted);
    }
    if (filter.score !== null) {
      const score = model.modules.byName.get("score")?.cells ?? [];
      tests.push((row) => typeof score[row] === "number" && score[row] >= filter.score);
    }
    if (filter.text) tests.push(this.textFilter(filter.text.toLowerCase()));
    return tests;
  }

  // Which rows have the text in any column. Each text is looked at once, however many rows have it.
  textFilter(needle) {
    const { columns, length } = this.model.modules;
    if (this.lower?.length !== texts.length) this.lower = texts.map((text) => text.toLowerCase());
    const hits = new Uint8Array(texts.length);
    for (let i = 1; i < texts.length; i++) hits[i] = this.lower[i].includes(needle) ? 1 : 0;
    const found = new Uint8Array(length);
    for (const column of columns) {
      const { cells } = column;
      if (column.type === "text") {
        for (let row = 0; row < length; row++) found[row] |= hits[cells[row]];
        continue;
      }
      const isHit = cellTest(column, needle);
      if (isHit) for (let row = 0; row < length; row++) if (isHit(cells[row])) found[row] = 1;
    }
    return (row) => found[row];
  }

  sortBy(name) {
    const { sort } = this;
    if (sort.name === name && sort.down) Object.assign(sort, { name: null, down: false });
    else Object.assign(sort, { down: sort.name === name, name });
    this.order = Uint32Array.from({ length: this.model.modules.length }, (_, row) => row);
    if (sort.name !== null) this.sortOrder(this.rankOf(sort.name), sort.down);
    this.apply();
  }

  // Rows of one rank keep their order; those without a value come last either way.
  sortOrder(rank, down) {
    const { length } = this.order;
    const keys = new Float64Array(length);
    for (let row = 0; row < length; row++) {
      const place = rank[row] < 0 ? length : down ? length - 1 - rank[row] : rank[row];
      keys[row] = place * length + row;
    }
    keys.sort();
    keys.forEach((key, i) => (this.order[i] = key % length));
  }

  // The place of each row among the values of a column, -1 without a value.
  rankOf(name) {
    if (this.ranks.has(name)) return this.ranks.get(name);
    const column = this.model.modules.byName.get(name);
    const keyOf =
      column.type === "text"
        ? (cell) => (cell ? sortKey(texts[cell]) : null)
        : column.type === "words"
          ? (cell) => cell || null
          : (cell) => (Array.isArray(cell) ? cell.join() : cell);
    const values = new Map();
    for (const cell of new Set(column.cells)) values.set(cell, keyOf(cell));
    const sorted = [...new Set(values.values())].filter((value) => value !== null);
    sorted.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const places = new Map(sorted.map((value, place) => [value, place]));
    const rank = Float64Array.from(column.cells, (cell) => places.get(values.get(cell)) ?? -1);
    this.ranks.set(name, rank);
    return rank;
  }
}

// Tells whether a cell that is no text has the needle: a number is it, a word contains it. Null: none
// can.
function cellTest(column, needle) {
  if (column.words) {
    const bits = [...column.words.keys()].filter((bit) => column.words[bit].includes(needle));
    return bits.length ? (cell) => bits.some((bit) => hasBit(cell, bit)) : null;
  }
  const wanted = /^\d+(\.\d+)?$/.test(needle) ? Number(needle) : NaN;
  return Number.isNaN(wanted) ? null : (cell) => cell === wanted;
}

// Addresses sort as numbers, names whatever their case.
function sortKey(text) {
  if (/^0x[0-9a-f]+$/.test(text)) return text.slice(2).padStart(17, "0");
  return text.toLowerCase();
}

// The shown columns of rows, joined as lines.
function rowsAsCsv(modules, rows, names) {
  const columns = names.map((name) => modules.byName.get(name));
  const lines = [names.join(",")];
  for (const row of rows)
    lines.push(columns.map((column) => csvCell(columnValue(column, row), column.type)).join(","));
  return `${lines.join("\r\n")}\r\n`;
}

function rowsAsText(modules, rows, names) {
  const lines = [names.join("\t")];
  for (const row of rows) {
    lines.push(
      names
        .map((name) => shownValue(modules.byName.get(name), modules.value(row, name)))
        .join("\t"),
    );
  }
  return `${lines.join("\n")}\n`;
}
