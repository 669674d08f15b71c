// The dialog with all that is known of one photo; the arrow keys leaf through its neighbours.

class Detail {
  #dialog = byId("detail");
  #title = byId("detail-title");
  #body = byId("detail-body");
  #previous = byId("previous");
  #next = byId("next");
  #rows = [];
  #place = 0;

  /** `closed(row)` is told which photo was looked at last. */
  constructor(closed) {
    this.#previous.addEventListener("click", () => this.#step(-1));
    this.#next.addEventListener("click", () => this.#step(1));
    byId("close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("close", () => closed(this.#rows[this.#place]));
    this.#dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step && !event.altKey && !event.metaKey) this.#step(step);
      const answer = event.ctrlKey || event.metaKey || event.altKey ? undefined : this.#meaning(event.key);
      if (answer !== undefined) this.#answer(answer);
    });
  }

  /** Open at `row`, one of `rows`. */
  open(row, rows) {
    this.#rows = rows;
    this.#place = rows.indexOf(row);
    this.#fill();
    this.#dialog.showModal();
    byId("close").focus();
  }

  #step(distance) {
    if (!this.#rows[this.#place + distance]) return;
    this.#place += distance;
    this.#fill();
  }

  #meaning(key) {
    return review?.meaning(this.#rows[this.#place], key);
  }

  /** Take an answer and go on to the next photo; a forgotten answer stays in view. */
  #answer(label) {
    review.set(this.#rows[this.#place], label);
    const isLast = !this.#rows[this.#place + 1];
    if (label === null || isLast) this.#fill();
    else this.#step(1);
    byId("next").focus();
  }

  #fill() {
    const row = this.#rows[this.#place];
    // aria-disabled, not disabled: a button that has the focus must not lose it at the last photo.
    this.#previous.setAttribute("aria-disabled", this.#place === 0);
    this.#next.setAttribute("aria-disabled", this.#place === this.#rows.length - 1);
    this.#title.replaceChildren(outside(row.error ? row.name : row.top.name, "", 200));
    const words = make("div", "detail-words");
    if (row.scores.length) words.append(scoreList(row.scores));
    if (row.review) words.append(review.panel(row, (label) => this.#answer(label)));
    words.append(fieldList(row));
    this.#body.className = row.error ? "detail-body plain" : "detail-body";
    this.#body.replaceChildren(...(row.error ? [] : [pictures(row)]), words);
    const image = this.#body.querySelector("img");
    if (image) image.alt = printable(row.name);
    this.#dialog.scrollTop = 0;
  }
}

/** The photo and, where the page has it, what in it speaks for the best prediction. */
function pictures(row) {
  const frame = picture(row);
  if (row.explained) {
    const caption = make("span", "facts", "Orange speaks for ", outside(row.scores[0].label.name, "", 120), ", blue against it.");
    frame.append(jpeg(row.explained), caption);
  }
  return frame;
}

function scoreList(scores) {
  const list = make("ul", "scores");
  list.setAttribute("aria-label", "Predictions");
  for (const { label, score } of scores) {
    list.append(make("li", "", pair("", label.name, `${(score * 100).toFixed(1)}%`), bar(score)));
  }
  return list;
}

/** The facts beside the picture; a fact that the row does not have is left out. */
function fieldList(row) {
  const fields = make("dl", "fields");
  const add = (name, value) => value && fields.append(make("dt", "", name), make("dd", "", value));
  if (row.error) {
    add("Failure", make("span", "kind", kindName(row.error.kind)));
    add("Reason", outside(row.error.message ?? "", "", 4000));
  }
  if (row.truth) add("True label", row.error ? outside(row.truth.name) : verdict(row, row.truth.name));
  add("Path", outside(row.path, "", 8000));
  add("File", fileLink(row));
  add("Model", row.model && outside(row.model));
  add("Device", row.device && outside(row.device));
  add("Fallback to the CPU", row.fallback && outside(row.fallback, "", 1000));
  return fields;
}

function fileLink(row) {
  // A page that was opened from the web cannot follow it; the text is there to be copied.
  if (!row.uri?.startsWith("file:")) return null;
  const link = make("a", "", printable(row.uri, 8000));
  link.href = row.uri;
  link.rel = "noreferrer";
  return link;
}
