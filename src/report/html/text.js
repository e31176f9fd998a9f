// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
// Texts on the page: what memory holds is data, and may be made to look like something else.

// Characters that are invisible, control the direction of text, or look like a plain blank.
const UNSEEN =
  /[\p{C}\p{Zl}\p{Zp}\u00a0\u034f\u115f\u1160\u1680\u2000-\u200a\u202f\u205f\u3000\u3164\ufe00-\ufe0f\uffa0]/gu;

// Backslashes before an escape, or before what looks like one, are doubled.
const ESCAPE_LIKE = /\\+(?=x[0-9a-f]{2}|u\{[0-9a-f]+\}|[\p{C}\p{Zl}\p{Zp}\u00a0\u2000-\u200a])/gu;

// More signs than two on one letter reach into other lines.
const STACKED = /(?<=\p{M}{2})\p{M}/gu;

// The text with such characters as escapes, in the notation of impscan's tables.
function visible(text) {
  return text
    .replace(ESCAPE_LIKE, (slashes) => slashes + slashes)
    .replace(UNSEEN, escaped)
    .replace(STACKED, escaped);
}

function escaped(character) {
  const code = character.codePointAt(0);
  const digits = code.toString(16);
  return code < 0x80 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits.padStart(4, "0")}}`;
}

// The beginning of a text that may be of any length; what is left out is told.
function brief(text, most = 120) {
  return clip(visible(text), most);
}

// The same of a text that has its escapes already.
function clip(shown, most) {
  if (shown.length <= most) return shown;
  return `${shown.slice(0, most)}… (${number(shown.length)} characters)`;
}

const grouped = new Intl.NumberFormat("en");

function number(value) {
  return grouped.format(value);
}

// "1 module", "2 modules"
function count(value, one, more = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : more}`;
}

// How a cell is shown to people; programs get it as it is.
function shownValue(column, value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return visible(value.join(", "));
  if (column.type === "share") return `${Math.round(value * 100)} %`;
  if (column.type === "bool") return value ? "yes" : "no";
  if (column.name === "timestamp") {
    return new Date(value * 1000).toISOString().replace(".000", "");
  }
  if (/^(pid|ppid|build.*)$/.test(column.name)) return String(value);
  if (typeof value === "number") return number(value);
  return visible(value.replaceAll("\n", ", "));
}

// Would a spreadsheet run it as a formula? The same rule as that of -o csv.
const FORMULA = /^[=+\-@'\t\r\uff1d\uff0b\uff0d\uff20]/;

function csvCell(value, type = "text") {
  if (value === null || value === undefined) return "";
  if (type === "share") return value.toFixed(2);
  if (type === "bool") return value ? "yes" : "no";
  if (typeof value === "number") return String(value);
  const text = visible(Array.isArray(value) ? value.join(";") : value.replaceAll("\n", ";"));
  const marked = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(marked) ? `"${marked.replaceAll('"', '""')}"` : marked;
}

// Makes an element: its attributes, and children that are elements or texts.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// A piece of text from the evidence: it keeps its direction to itself.
function data(text, attributes = {}) {
  return make("bdi", { class: "data", ...attributes }, text);
}

function byId(id) {
  return document.getElementById(id);
}
