// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// Puts the page together once all of it is there.

function startPage() {
  const report = readData(byId("data").textContent);
  const model = new Model(report);
  const findings = findFindings(model, report);
  const detail = new Detail(model);
  const view = new RowView(model);
  byId("main").hidden = false;
  byId("contents").hidden = false;
  detail.findingOf = findingByRow(findings);
  showHead(model, findings, report);
  showFindings(model, findings, report, (finding) => detail.openFinding(finding));
  const table = new ModuleTable(model, view, (row) => detail.open(row));
  table.levels = rowLevels(model, findings);
  const filters = new Filters(model, view, table);
  filters.tree = new ProcessTree(model, (process) => filters.setProcess(process));
  table.refresh();
  byId("processes-note").textContent = "Choose one to see its modules only.";
  new TimeLine(model, (process) => filters.showProcess(process));
  showMachines(report);
  byId("made-by").textContent =
    `Made by impscan ${report.head.impscan ?? ""}. Nothing is loaded from elsewhere.`;
  performance.mark("ready");
}

function findingByRow(findings) {
  const byRow = new Map();
  for (const finding of findings) for (const row of finding.rows) byRow.set(row, finding);
  return (row) => byRow.get(row);
}

function rowLevels(model, findings) {
  const levels = new Uint8Array(model.modules.length);
  for (const finding of findings)
    for (const row of finding.rows) levels[row] = { high: 3, medium: 2, low: 1 }[finding.level];
  return levels;
}

// The filters above the table.
class Filters {
  constructor(model, view, table) {
    Object.assign(this, { model, view, table });
    this.text = byId("filter-text");
    this.process = byId("filter-process");
    this.score = byId("filter-score");
    this.fillProcesses();
    this.fillFlags();
    byId("filter-score-label").hidden = !model.markCounts[model.marks.indexOf(MARK_MATCHED)];
    this.text.addEventListener("input", () => {
      view.filter.text = this.text.value;
      this.apply();
    });
    this.process.addEventListener("change", () => {
      const process = model.processes[Number(this.process.value)] ?? null;
      this.tree.select(process);
      this.setProcess(process);
    });
    this.score.addEventListener("input", () => {
      view.filter.score = this.score.value === "" ? null : Number(this.score.value);
      this.apply();
    });
    byId("filter-clear").addEventListener("click", () => this.clear());
    byId("copy").addEventListener("click", () => this.copy());
    byId("save").addEventListener("click", () => this.save());
    this.tell();
  }

  fillProcesses() {
    const name = (process) =>
      this.model.several
        ? `${this.model.processName(process)}, ${brief(process.image, 40)}`
        : this.model.processName(process);
    this.process.append(
      make("option", { value: "" }, "All"),
      ...this.model.processes.map((process) =>
        make("option", { value: process.number }, name(process)),
      ),
    );
  }

  fillFlags() {
    const { marks, markCounts } = this.model;
    marks.forEach((mark, i) => {
      if (!markCounts[i]) return;
      const chip = make(
        "button",
        { type: "button", class: "chip", "aria-pressed": "false" },
        `${mark} `,
        make("span", { class: "amount" }, number(markCounts[i])),
      );
      chip.addEventListener("click", () => {
        const on = chip.getAttribute("aria-pressed") !== "true";
        chip.setAttribute("aria-pressed", String(on));
        if (on) this.view.filter.marks.add(mark);
        else this.view.filter.marks.delete(mark);
        this.apply();
      });
      byId("filter-flags").append(chip);
    });
  }

  setProcess(process) {
    this.view.filter.process = process;
    this.process.value = process ? String(process.number) : "";
    this.apply();
  }

  // Shows the modules of a process that was chosen elsewhere on the page.
  showProcess(process) {
    this.tree.select(process);
    this.setProcess(process);
    byId("modules").scrollIntoView();
    byId("modules").focus({ preventScroll: true });
  }

  clear() {
    Object.assign(this.view.filter, { text: "", process: null, score: null });
    this.view.filter.marks.clear();
    this.text.value = "";
    this.score.value = "";
    this.process.value = "";
    for (const chip of byId("filter-flags").children) chip.setAttribute("aria-pressed", "false");
    this.tree.select(null);
    this.apply();
  }

  apply() {
    this.view.apply();
    this.table.toTop();
    this.tell();
  }

  tell(done = "") {
    const { length } = this.view.rows;
    const all = this.model.modules.length;
    const shown =
      length === all ? `All ${count(all, "row")}` : `${number(length)} of ${count(all, "row")}`;
    byId("shown").textContent = `${shown}${done}`;
  }

  async copy() {
    const text = rowsAsText(this.model.modules, this.view.rows, this.table.shown);
    try {
      await navigator.clipboard.writeText(text);
      this.tell(", copied");
    } catch {
      this.tell(": the browser does not let pages copy; save them instead");
    }
  }

  save() {
    const text = rowsAsCsv(this.model.modules, this.view.rows, this.table.shown);
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    make("a", { href: url, download: "modules.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    this.tell(", saved");
  }
}

document.addEventListener("DOMContentLoaded", startPage);
