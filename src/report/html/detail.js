// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// What is known of one module: its fields, its matches, and where else it is.

const PROCESS_FIELDS = ["image", "pid", "ppid", "eprocess", "started", "exited", "command_line"];
const MATCH_FIELDS = ["match", "score", "matched_hash", "same_hash", "note", "match_comment"];
const PLACES_SHOWN = 50;

class Detail {
  constructor(model) {
    this.model = model;
    this.dialog = byId("detail");
    byId("detail-close").addEventListener("click", () => this.dialog.close());
    // A click beside it closes it.
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  open(row) {
    const { model } = this;
    const process = model.processes[model.processOf[row]];
    this.fill(`${brief(model.moduleName(row), 100)} in ${model.processName(process)}`, [
      this.reasons(row),
      this.moduleFields(row),
      this.matches(row),
      this.places(row),
      section("Process", factList(model.modules, row, PROCESS_FIELDS)),
    ]);
  }

  // A finding is shown by the row that tells most; a hidden process by itself.
  openFinding(finding) {
    if (!finding.process) {
      this.open(finding.best);
      return;
    }
    const { process } = finding;
    const names = process.table.columns.map((column) => column.name);
    const rows = this.rowsOfProcess(process);
    this.fill(this.model.processName(process), [
      make("p", {}, data(hiddenWords(process))),
      section("Process", factList(process.table, process.row, names)),
      section(
        count(rows.length, "module"),
        this.rowList(rows, (row) => brief(this.model.moduleName(row), 100)),
      ),
    ]);
  }

  rowsOfProcess(process) {
    const { model } = this;
    const rows = [];
    for (let row = 0; row < model.modules.length; row++)
      if (model.processOf[row] === process.number && model.first[row] === row) rows.push(row);
    return rows;
  }

  fill(title, parts) {
    byId("detail-title").replaceChildren(data(title));
    byId("detail-body").replaceChildren(...parts.filter(Boolean));
    if (!this.dialog.open) this.dialog.showModal();
    byId("detail-title").focus();
    this.dialog.scrollTop = 0;
  }

  reasons(row) {
    const finding = this.findingOf?.(row);
    if (!finding) return null;
    return make(
      "div",
      {},
      ...finding.reasons.map((reason) =>
        make(
          "p",
          {},
          make(
            "span",
            { class: `badge ${findingLevel(REASONS[reason].weight)}` },
            REASONS[reason].label,
          ),
          " ",
          data(reasonWords(this.model, finding, reason)),
        ),
      ),
    );
  }

  moduleFields(row) {
    const { modules } = this.model;
    const others = new Set([...PROCESS_FIELDS, ...MATCH_FIELDS, "process"]);
    const names = modules.columns.map((column) => column.name).filter((name) => !others.has(name));
    return section("Module", factList(modules, row, names));
  }

  // All rows of the module are matches of it.
  matches(row) {
    const { model } = this;
    const rows = [];
    const first = model.first[row];
    for (let other = first; other < model.modules.length; other++) {
      if (model.processOf[other] !== model.processOf[row]) break;
      if (model.first[other] === first && model.hasMark(other, MARK_MATCHED)) rows.push(other);
    }
    if (!rows.length) return null;
    rows.sort((a, b) => scoreOf(model, b) - scoreOf(model, a));
    return section(
      rows.length > 1 ? "Known samples that it resembles" : "Known sample that it resembles",
      ...rows.slice(0, PLACES_SHOWN).map((other) => factList(model.modules, other, MATCH_FIELDS)),
      more(rows.length),
    );
  }

  // Other processes that have a module of the same hash.
  places(row) {
    const { model } = this;
    const column = ["typerefhash", "gimphash", "imphash", "rebuilt_imphash"]
      .map((name) => model.modules.byName.get(name))
      .find((one) => one && one.cells[row]);
    if (!column) return null;
    const rows = [];
    const value = texts[column.cells[row]];
    for (let other = 0; other < model.modules.length; other++) {
      if (model.first[other] !== other || model.first[row] === other) continue;
      if (column.cells[other] && texts[column.cells[other]] === value) rows.push(other);
    }
    const title = rows.length
      ? `The same ${heading(column.name)} in ${count(rows.length, "other place")}`
      : `No other module has this ${heading(column.name)}`;
    return section(
      title,
      this.rowList(rows, (other) => this.placeName(other)),
    );
  }

  placeName(row) {
    const { model } = this;
    const process = model.processes[model.processOf[row]];
    const on = model.several ? `, ${brief(process.image, 60)}` : "";
    return `${brief(model.moduleName(row), 60)} in ${model.processName(process)}${on}`;
  }

  rowList(rows, name) {
    const list = make("ul", { class: "places" });
    for (const row of rows.slice(0, PLACES_SHOWN)) {
      list.append(
        make(
          "li",
          {},
          make(
            "button",
            { type: "button", class: "link", onclick: () => this.open(row) },
            data(name(row)),
          ),
        ),
      );
    }
    return make("div", {}, list, more(rows.length));
  }
}

function section(title, ...content) {
  return make("section", {}, make("h3", {}, title), ...content);
}

function more(length) {
  const rest = length - PLACES_SHOWN;
  return rest > 0
    ? make("p", { class: "note" }, `And ${number(rest)} more: filter the table for them.`)
    : "";
}
