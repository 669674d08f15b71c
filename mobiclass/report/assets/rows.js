"use strict";
// The results: read out of the page's data blocks, named, sorted and filtered. Builds nothing that is seen.

/** What a page for review sets: the answers that people give. */
let review = null;

const collator = new Intl.Collator(undefined, { numeric: true });

/** Read every row; a label is one object that all its rows share. */
function readRows() {
  const labels = [];
  const rows = [];
  for (const block of document.querySelectorAll("script.rows")) {
    const part = JSON.parse(block.textContent);
    for (const [index, name] of part.labels) labels.push({ index, name, plain: name });
    for (const record of part.rows) rows.push(makeRow(record, rows.length, labels));
    block.remove(); // the text is as long as all that was read from it
  }
  const unnamed = { index: -1, name: "No prediction" };
  for (const row of rows) row.top ??= unnamed;
  tellApart(labels);
  return rows;
}

function makeRow(record, number, labels) {
  const scores = record.scores.map(([label, score]) => ({ label: labels[label], score }));
  // What was decided comes before the best prediction: it may be a group, or "unknown".
  const [top, best] = record.decision
    ? [labels[record.decision[0]], record.decision[1]]
    : [scores[0]?.label, scores[0]?.score ?? 0];
  const truth = labels[record.truth];
  return {
    ...record,
    truth,
    wrong: Boolean(record.wrong),
    number,
    scores,
    top,
    score: best,
    margin: (scores[0]?.score ?? 0) - (scores[1]?.score ?? 0),
    name: record.path.split(/[/\\]/).filter(Boolean).pop() ?? record.path,
  };
}

/** Give two classes of one name (a crane that flies, a crane that lifts) names that differ; a group has no index. */
function tellApart(labels) {
  const seen = new Map();
  for (const label of labels) seen.set(label.name, [...(seen.get(label.name) ?? []), label]);
  for (const namesakes of seen.values()) {
    if (namesakes.length > 1)
      for (const label of namesakes) if (label.index >= 0) label.name += ` (${label.index})`;
  }
}

/** Sorts rows, each way once. */
class Orders {
  #rows;
  #sorted = new Map();

  constructor(rows) {
    this.#rows = rows;
  }

  by(key) {
    if (!this.#sorted.has(key)) this.#sorted.set(key, this.#sort(key));
    return this.#sorted.get(key);
  }

  #sort(key) {
    if (key === "order") return this.#rows;
    const compare = {
      name: (a, b) => collator.compare(a.name, b.name) || collator.compare(a.path, b.path),
      score: (a, b) => b.score - a.score,
      // The most confident mistakes first; then the others, the least confident first.
      mistakes: (a, b) => b.wrong - a.wrong || (a.wrong ? b.score - a.score : a.margin - b.margin),
      // Photos without any prediction are the least sure of all.
      unsure: (a, b) => a.margin - b.margin || a.score - b.score,
    }[key];
    return [...this.#rows].sort(compare);
  }
}

/** Fold what people do not distinguish when they search: case, and accents written as one character or as two. */
function fold(text) {
  return text.normalize("NFC").toLowerCase();
}

function nameMatches(row, foldedQuery) {
  row.folded ??= fold(row.path);
  return row.folded.includes(foldedQuery);
}

/** Part rows by what `keyOf` says, the largest part first. */
function groupBy(rows, keyOf) {
  const groups = new Map();
  for (const row of rows) {
    const key = keyOf(row);
    if (groups.has(key)) groups.get(key).push(row);
    else groups.set(key, [row]);
  }
  return [...groups].sort((a, b) => b[1].length - a[1].length || collator.compare(facetName(a[0]), facetName(b[0])));
}

function percent(score) {
  const value = score * 100;
  if (value > 0 && value < 1) return "<1%";
  return `${value > 99 && value < 100 ? 99 : Math.round(value)}%`;
}

function byId(id) {
  return document.getElementById(id);
}

/** Make characters visible that hide or reorder their neighbours, and cut what is too long to be read anyway. */
function printable(text, limit = 300) {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  // Half a character (a lone surrogate) becomes U+FFFD, where the browser can.
  return (cut.toWellFormed?.() ?? cut).replace(
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `⟨U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
  );
}

/** Make an element with a class, properties and children; text goes in as text, never as markup. */
function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Make an element around a name from outside, whose direction of writing stays inside it. */
function outside(text, className = "", limit = 300) {
  return make("bdi", className, printable(text, limit));
}
