// Confirming and correcting answers: by key or by click, kept by the browser where it may, taken away as a CSV file.

class Review {
  #facts;
  #key;
  #answers = new Map(); // photo -> label
  #taken = 0; // how many of the answers were in the last download
  #changed = () => {};
  #rows = [];
  #status = make("p", "facts");
  #take = make("button", "quiet");

  constructor(facts) {
    this.#facts = facts;
    this.#key = `mobiclass-review-${facts.id}`;
    const kept = storage((store) => JSON.parse(store.getItem(this.#key) ?? "{}"));
    for (const [photo, label] of Object.entries(kept ?? {})) this.#answers.set(photo, String(label));
    this.#take.type = "button";
    this.#take.addEventListener("click", () => this.#download());
    this.#status.setAttribute("role", "status");
    window.addEventListener("beforeunload", (event) => this.#isUntaken && event.preventDefault());
  }

  /** Whether there are answers that would be lost: not downloaded, and not kept by the browser. */
  get #isUntaken() {
    return this.#taken !== this.#answers.size && storage((store) => store.getItem(this.#key)) === null;
  }

  /** Show the progress in the head of the page; `changed(row)` is told of each new answer. */
  start(rows, changed) {
    this.#rows = rows;
    this.#changed = changed;
    const list = make("datalist");
    list.id = "review-labels";
    for (const label of this.#facts.labels) list.append(Object.assign(make("option"), { value: label }));
    document.body.append(list);
    const help = make("p", "facts review-help", "Open a photo; press 1–9 for one of its predictions, 0 for none of them.");
    byId("counts").after(make("div", "review-bar", this.#status, this.#take), help);
    this.#say();
  }

  answer(row) {
    return row.review ? this.#answers.get(row.review.photo) : undefined;
  }

  /** What a key means for `row`: a label, `null` to forget the answer, `undefined` for nothing. */
  meaning(row, key) {
    if (!row.review) return undefined;
    if (key === "0") return this.#facts.none;
    if (key === "Backspace" || key === "Delete") return this.#answers.has(row.review.photo) ? null : undefined;
    return /^[1-9]$/.test(key) ? row.scores[key - 1]?.label.plain : undefined;
  }

  set(row, label) {
    if (label === null) this.#answers.delete(row.review.photo);
    else this.#answers.set(row.review.photo, label);
    this.#taken = -1;
    storage((store) => store.setItem(this.#key, JSON.stringify(Object.fromEntries(this.#answers))));
    this.#say();
    this.#changed(row);
  }

  /** The mark on a card, and in its name for screen readers; empty before there is an answer. */
  markText(row) {
    const label = this.answer(row);
    if (label === undefined) return "";
    return label === row.scores[0]?.label.plain ? "confirmed" : `corrected: ${label}`;
  }

  mark(row) {
    const text = this.markText(row);
    if (text) return make("span", "pair verdict reviewed", make("span", "mark", "✓"), outside(text, "", 120));
    return make("span", "pair verdict", outside(row.review?.reason ?? "", "", 120));
  }

  /** The buttons and the field in the dialog; `answered(label)` is told what was chosen. */
  panel(row, answered) {
    const panel = make("fieldset", "review-panel", make("legend", "", "What is it?"));
    const current = this.answer(row);
    const add = (key, label, text) => {
      const button = make("button", "quiet", make("kbd", "", key), " ", outside(text, "", 80));
      button.type = "button";
      button.setAttribute("aria-pressed", current === label);
      button.addEventListener("click", () => answered(label));
      panel.append(button);
    };
    row.scores.slice(0, 9).forEach(({ label }, place) => add(String(place + 1), label.plain, label.name));
    add("0", this.#facts.none, "none of these");
    const field = make("input");
    field.type = "text";
    field.placeholder = "Another label";
    field.setAttribute("aria-label", "Another label");
    field.setAttribute("list", "review-labels");
    field.autocomplete = "off";
    field.spellcheck = false;
    field.addEventListener("keydown", (event) => {
      event.stopPropagation(); // its digits are text, and its arrow keys move in it
      const label = field.value.trim();
      if (event.key !== "Enter") return;
      event.preventDefault(); // or it would also press the button that gets the focus
      if (label) answered(label);
    });
    panel.append(field);
    const notes = [row.review.reason, row.review.more];
    panel.append(make("p", "facts", ...notes.filter(Boolean).flatMap((note) => [outside(note, "", 400), make("br")])));
    if (current !== undefined) panel.append(make("p", "facts", "Your answer: ", outside(current, "", 200)));
    return panel;
  }

  #say() {
    const wanted = this.#rows.filter((row) => row.review).length;
    this.#status.textContent = `${this.#answers.size.toLocaleString("en")} of ${wanted.toLocaleString("en")} reviewed`;
    this.#take.textContent = `Download ${this.#facts.file}`;
    this.#take.setAttribute("aria-disabled", !this.#answers.size);
  }

  #download() {
    if (!this.#answers.size) return;
    const cell = (text) => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = [...this.#answers].map(([photo, label]) => `${cell(photo)},${cell(label)}\n`);
    const link = make("a");
    link.href = URL.createObjectURL(new Blob(["photo,label\n", ...lines], { type: "text/csv;charset=utf-8" }));
    link.download = this.#facts.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    this.#taken = this.#answers.size;
  }
}

review = new Review(JSON.parse(byId("page-facts").textContent).review);
