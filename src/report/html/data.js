// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// Reading the data of the page: docs/html-report.md describes their form.

// Every text of the data, by its number; number 0 is none.
const texts = [""];

// Rows of one kind, a list for each column. A cell of a column of texts is a text's number.
class Table {
  constructor(columns) {
    this.columns = columns;
    this.length = 0;
    this.byName = new Map();
    for (const column of columns) {
      column.cells = [];
      this.byName.set(column.name, column);
    }
  }

  add(cells) {
    this.columns.forEach((column, i) => {
      let cell = cells[i + 1];
      if (column.type === "text") {
        if (typeof cell === "string") cell = texts.push(cell) - 1;
        else if (Array.isArray(cell)) cell = texts.push(cell.join("\n")) - 1;
      }
      column.cells.push(cell);
    });
    this.length++;
  }

  // No more rows come: numbers of texts are kept as such.
  end() {
    for (const column of this.columns)
      if (column.type === "text") column.cells = Uint32Array.from(column.cells);
  }

  // The value of a cell as a program would have it: null, a number, a text, or a list of words.
  value(row, name) {
    const column = this.byName.get(name);
    return column ? columnValue(column, row) : null;
  }

  text(row, name) {
    const value = this.value(row, name);
    return value === null ? "" : Array.isArray(value) ? value.join(", ") : String(value);
  }

  // Has the row this word in a column of words?
  has(row, name, word) {
    const column = this.byName.get(name);
    const bit = column && column.words ? column.words.indexOf(word) : -1;
    return bit >= 0 && hasBit(column.cells[row], bit);
  }
}

// Words may be more than the 32 of a number's bit operations.
function hasBit(number, bit) {
  return Math.floor(number / 2 ** bit) % 2 === 1;
}

function columnValue(column, row) {
  const cell = column.cells[row];
  if (column.type === "text") return cell ? texts[cell] : null;
  if (column.type === "words") return column.words.filter((_, bit) => hasBit(cell, bit));
  return cell;
}

// What the page has: tables by the name of their kind, and facts of the run and of its images.
function readData(source) {
  const data = { tables: {}, facts: [], head: {}, complete: false };
  const kinds = [];
  for (let start = 0; start < source.length; ) {
    let end = source.indexOf("\n", start);
    if (end < 0) end = source.length;
    const line = source.slice(start, end);
    start = end + 1;
    if (line.startsWith("[")) {
      const cells = parsed(line);
      if (cells) kinds[cells[0]].add(cells);
    } else if (line.startsWith("{")) {
      const object = parsed(line);
      if (!object) continue;
      if (object.rows) {
        const table = new Table(object.columns);
        kinds.push(table);
        data.tables[object.rows] = table;
      } else if (object.fact) data.facts.push(object);
      else if (object.form) data.head = object;
      else if (object.end) data.complete = true;
    }
  }
  for (const name of ["modules", "processes", "machines"])
    if (!data.tables[name]) data.tables[name] = new Table([]);
  Object.values(data.tables).forEach((table) => table.end());
  return data;
}

// The last line of a page that was cut off is no JSON; the page says that it is not complete.
function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

// The sum that a fact's numbers come to over all images.
function factSum(data, name) {
  return data.facts
    .filter((fact) => fact.fact === name)
    .reduce((sum, fact) => sum + Number(fact.value), 0);
}
