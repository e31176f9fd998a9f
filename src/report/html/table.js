// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// The table of modules. Only the rows that are to be seen are elements of the page.

const ROW_HEIGHT = 28;
const ROWS_AROUND = 10;
const ROWS_PRINTED = 1000;

// Columns that are shown at first, and how wide columns are, in pixels.
const COLUMNS_SHOWN = [
  "process",
  "pid",
  "module",
  "flags",
  "score",
  "match",
  "base",
  "imports",
  "status",
  "imphash",
  "path",
];
const WIDTHS = {
  image: 180,
  process: 150,
  pid: 64,
  ppid: 64,
  module: 190,
  flags: 130,
  score: 68,
  match: 240,
  base: 160,
  eprocess: 170,
  imports: 84,
  status: 110,
  imphash: 290,
  path: 380,
  found_in: 190,
  command_line: 380,
  reason: 380,
  size: 100,
  readable: 90,
};

const HEADINGS = {
  pid: "PID",
  ppid: "PPID",
  eprocess: "EPROCESS",
  mvid: "MVID",
  imphash: "imphash",
  impfuzzy: "impfuzzy",
  impset: "impset",
};

function heading(name) {
  if (name in HEADINGS) return HEADINGS[name];
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

class ModuleTable {
  constructor(model, view, open) {
    this.model = model;
    this.view = view;
    this.open = open;
    this.active = 0;
    this.frame = byId("table-frame");
    this.table = byId("table");
    this.body = byId("table-body");
    const has = (name) => model.modules.columns.some((column) => column.name === name);
    this.shown = COLUMNS_SHOWN.filter(has);
    if (!model.markCounts[model.marks.indexOf(MARK_MATCHED)])
      this.shown = this.shown.filter((name) => name !== "score" && name !== "match");
    if (!model.marksOf.some((marks) => marks))
      this.shown = this.shown.filter((name) => name !== "flags");
    if (model.several) this.shown.unshift("image");
    this.frame.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()));
    window.addEventListener("resize", () => this.draw());
    this.table.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    window.addEventListener("beforeprint", () => this.print());
    window.addEventListener("afterprint", () => this.refresh());
    this.showColumnList();
    this.refresh();
  }

  showColumnList() {
    const list = byId("column-list");
    for (const column of this.model.modules.columns) {
      const box = make("input", { type: "checkbox", value: column.name });
      box.checked = this.shown.includes(column.name);
      box.addEventListener("change", () => this.choose(column.name, box.checked));
      list.append(make("label", {}, box, ` ${heading(column.name)}`));
    }
  }

  // Columns stand in the order of the data, behind those that were shown at first.
  choose(name, on) {
    this.shown = this.shown.filter((one) => one !== name);
    if (on) this.shown.push(name);
    this.refresh();
  }

  // Draws all of it again: rows, columns or their order have changed.
  refresh() {
    const { rows } = this.view;
    this.active = Math.min(this.active, Math.max(rows.length - 1, 0));
    this.table.setAttribute("aria-rowcount", rows.length + 1);
    this.table.setAttribute("aria-colcount", this.shown.length);
    const widths = this.shown.map((name) => WIDTHS[name] ?? 170);
    this.table.style.width = `${widths.reduce((sum, width) => sum + width, 0)}px`;
    byId("table-head").replaceChildren(
      make(
        "tr",
        { "aria-rowindex": 1 },
        ...this.shown.map((name, i) => this.headingCell(name, widths[i])),
      ),
    );
    this.draw(true);
  }

  headingCell(name, width) {
    const { sort } = this.view;
    const sorted = sort.name === name ? (sort.down ? "descending" : "ascending") : "none";
    const arrow = { ascending: " ▲", descending: " ▼", none: "" }[sorted];
    const cell = make(
      "th",
      { scope: "col", "aria-sort": sorted, class: this.model.modules.byName.get(name).type },
      make(
        "button",
        { type: "button", "data-column": name, onclick: () => this.sortBy(name) },
        heading(name),
        make("span", { "aria-hidden": "true" }, arrow),
      ),
    );
    cell.style.width = `${width}px`;
    return cell;
  }

  sortBy(name) {
    this.view.sortBy(name);
    this.refresh();
    byId("table-head").querySelector(`[data-column="${name}"]`).focus();
  }

  // Draws the rows that are to be seen, unless they are there.
  draw(always = false) {
    const { rows } = this.view;
    const height = Math.max(this.frame.clientHeight, 200);
    const first = Math.max(0, Math.floor(this.frame.scrollTop / ROW_HEIGHT) - ROWS_AROUND);
    const start = Math.min(first, Math.max(0, rows.length - 1));
    const end = Math.min(rows.length, first + Math.ceil(height / ROW_HEIGHT) + 2 * ROWS_AROUND);
    if (!always && start === this.start && end === this.end) return;
    Object.assign(this, { start, end });
    const drawn = [this.gap(start)];
    for (let place = start; place < end; place++) drawn.push(this.row(place));
    drawn.push(this.gap(rows.length - end));
    if (!rows.length) drawn.push(this.emptyRow());
    this.body.replaceChildren(...drawn);
    this.markActive();
  }

  // Stands for rows above or below.
  gap(count) {
    const row = make("tr", { class: "gap", role: "presentation", hidden: !count });
    const cell = make("td", { colspan: this.shown.length, role: "presentation" });
    cell.style.height = `${count * ROW_HEIGHT}px`;
    row.append(cell);
    return row;
  }

  emptyRow() {
    return make(
      "tr",
      { class: "empty" },
      make("td", { colspan: this.shown.length }, "No row passes the filters."),
    );
  }

  row(place) {
    const row = this.view.rows[place];
    const { modules, processes, processOf } = this.model;
    const item = make("tr", {
      id: `row-${place}`,
      "aria-rowindex": place + 2,
      "data-place": place,
      class: `level-${this.levels?.[row] ?? 0}`,
    });
    for (const name of this.shown) {
      const column = modules.byName.get(name);
      const value = columnValue(column, row);
      const shown =
        name === "process"
          ? processes[processOf[row]].name
          : name === "flags"
            ? this.flags(row)
            : null;
      const text = shown === null ? clip(shownValue(column, value), 200) : brief(shown, 200);
      const cell = make("td", { class: column.type }, data(text));
      if (text.length > 16) cell.title = text;
      item.append(cell);
    }
    return item;
  }

  // The flags of the row, and that it is injected.
  flags(row) {
    const flags = this.model.modules.value(row, "flags") ?? [];
    return [...flags, ...(this.model.isInjected(row) ? [MARK_INJECTED] : [])].join(", ");
  }

  click(event) {
    const item = event.target.closest("tr[data-place]");
    if (!item || String(window.getSelection())) return;
    this.active = Number(item.dataset.place);
    this.markActive();
    this.open(this.view.rows[this.active]);
  }

  markActive() {
    for (const item of this.body.querySelectorAll(".active")) item.classList.remove("active");
    const item = byId(`row-${this.active}`);
    if (item) {
      item.classList.add("active");
      this.table.setAttribute("aria-activedescendant", item.id);
    } else this.table.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.target !== this.table) return;
    const { length } = this.view.rows;
    const page = Math.max(1, Math.floor(this.frame.clientHeight / ROW_HEIGHT) - 2);
    const moves = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (event.key in moves) {
      this.active = Math.min(Math.max(this.active + moves[event.key], 0), Math.max(length - 1, 0));
      this.reveal();
    } else if (event.key === "Enter" && length) this.open(this.view.rows[this.active]);
    else return;
    event.preventDefault();
  }

  // Scrolls so that the active row is to be seen.
  reveal() {
    const top = this.active * ROW_HEIGHT;
    const room = this.frame.clientHeight - 2 * ROW_HEIGHT;
    if (top < this.frame.scrollTop) this.frame.scrollTop = top;
    else if (top > this.frame.scrollTop + room) this.frame.scrollTop = top - room;
    this.draw();
    this.markActive();
  }

  toTop() {
    this.active = 0;
    this.frame.scrollTop = 0;
    this.refresh();
  }

  // On paper there is no scrolling.
  print() {
    const { rows } = this.view;
    const drawn = [];
    for (let place = 0; place < Math.min(rows.length, ROWS_PRINTED); place++)
      drawn.push(this.row(place));
    if (rows.length > ROWS_PRINTED) {
      const told = `The first ${number(ROWS_PRINTED)} of ${count(rows.length, "row")}; "Save as CSV" has all.`;
      drawn.push(make("tr", {}, make("td", { colspan: this.shown.length }, told)));
    }
    this.body.replaceChildren(...drawn);
  }
}
