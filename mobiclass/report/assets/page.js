// Ties the controls to the grid: which photos are shown, in what order and under which headings.

const PRINTED = 500;

class Page {
  #rows = readRows();
  #photos = collect(
    this.#rows.filter((row) => !row.error),
    (row) => row.top,
    "Labels",
    ["photo", "photos"],
  );
  #failures = collect(
    this.#rows.filter((row) => row.error),
    kindOf,
    "Reasons",
    ["failure", "failures"],
  );
  #mistakes = collect(
    this.#rows.filter((row) => row.wrong),
    (row) => row.truth,
    "True labels",
    ["mistake", "mistakes"],
  );
  #truthIsKnown = this.#rows.some((row) => row.truth);
  #view = "all";
  #sections = [];
  #sectionOf = new Map();
  #grid = new Grid(byId("grid"), makeItem, (item) => this.#open(item));
  #detail = new Detail((row) => this.#grid.focus(row));
  #facets = new Facets(() => this.#update());

  constructor() {
    this.#fillHead(JSON.parse(byId("page-facts").textContent));
    if (this.#truthIsKnown) this.#offerMistakes();
    review?.start(this.#rows, () => this.#grid.refresh());
    byId("views").addEventListener("change", (event) => this.#setView(event.target.value));
    byId("search").addEventListener("input", () => this.#update());
    byId("sort").addEventListener("change", () => this.#update());
    byId("fold").addEventListener("click", () => this.#foldAll());
    byId("clear").addEventListener("click", () => this.#clear());
    byId("filter-toggle").addEventListener("click", (event) => {
      event.currentTarget.setAttribute("aria-expanded", byId("facet").classList.toggle("open"));
    });
    window.addEventListener("beforeprint", () => this.#fillPrint());
    window.addEventListener("afterprint", () => byId("print").replaceChildren());
    byId("loading").remove();
    byId("app").hidden = false;
    // Browsers keep what was chosen when a page is reloaded.
    this.#setView(document.querySelector("[name=view]:checked").value);
  }

  get #collection() {
    return { failures: this.#failures, mistakes: this.#mistakes }[this.#view] ?? this.#photos;
  }

  #fillHead(facts) {
    const distinct = (key) => [...new Set(this.#rows.map((row) => row[key]).filter(Boolean))].slice(0, 5).join(", ");
    const written = new Date(facts.written).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });
    const summary = facts.summary.map(([name, value]) => `${name}: ${value}`);
    const parts = [distinct("model"), distinct("device"), written, ...summary].filter(Boolean);
    byId("facts").append(...parts.flatMap((part) => [" · ", outside(part)]).slice(1));
    const failed = this.#failures.rows.length;
    this.#addTile("Images", this.#rows.length);
    this.#addTile("Classified", this.#photos.rows.length);
    this.#addTile("Failures", failed, failed ? "alarm" : "");
    if (this.#truthIsKnown) this.#addTile("Mistakes", this.#mistakes.rows.length);
    else this.#addTile("Labels", this.#photos.facets.filter(([label]) => label.index >= 0).length);
    byId("failure-count").textContent = failed ? failed.toLocaleString("en") : "";
    const fallback = this.#rows.filter((row) => row.fallback).length;
    byId("notice").hidden = !fallback;
    byId("notice").append(
      `${count(fallback)} classified on the CPU instead of the accelerator: `,
      outside(distinct("fallback"), "", 500),
    );
  }

  #addTile(name, value, className = "") {
    byId("counts").append(make("div", className, make("dt", "", name), make("dd", "", value.toLocaleString("en"))));
  }

  /** The truth is known: let people look at what is wrong, and show it first. */
  #offerMistakes() {
    byId("mistakes-view").hidden = false;
    byId("mistake-count").textContent = this.#mistakes.rows.length.toLocaleString("en");
    const [first, order] = byId("sort").options;
    first.hidden = first.disabled = false;
    order.remove(); // the rows come with the mistakes first: it would say the same
    byId("sort").value = "mistakes";
  }

  #setView(view) {
    this.#view = view;
    const failures = view === "failures";
    for (const option of byId("sort").querySelectorAll("[value=score], [value=unsure]")) option.disabled = failures;
    if (byId("sort").selectedOptions[0].disabled) byId("sort").value = this.#truthIsKnown ? "mistakes" : "order";
    byId("grid").setAttribute("aria-label", failures ? "Failures" : "Photos");
    this.#facets.offer(this.#collection);
    this.#update();
  }

  /** Show what the search, the chosen labels and the view leave. */
  #update() {
    const { orders, facetOf, chosen } = this.#collection;
    const query = fold(byId("search").value.trim());
    const rows = orders
      .by(byId("sort").value)
      .filter((row) => (!chosen.size || chosen.has(facetOf(row))) && (!query || nameMatches(row, query)));
    this.#sections =
      this.#view === "groups" ? groupBy(rows, facetOf).map((group) => this.#section(...group)) : [{ open: true, rows }];
    this.#grid.show(this.#sections, this.#view === "failures" ? failureShape : cardShape);
    this.#say(rows.length, query || chosen.size);
  }

  /** One object a label, so that the grid knows a heading again after a change. */
  #section(label, rows) {
    if (!this.#sectionOf.has(label)) this.#sectionOf.set(label, { heading: label.name, open: true });
    return Object.assign(this.#sectionOf.get(label), { rows });
  }

  #say(shown, filtered) {
    const { rows, noun } = this.#collection;
    const grouped = this.#view === "groups" && shown > 0;
    const number =
      shown === rows.length ? count(shown, ...noun) : `${shown.toLocaleString("en")} of ${count(rows.length, ...noun)}`;
    byId("status").textContent = grouped ? `${number}, ${count(this.#sections.length, "label", "labels")}` : number;
    byId("fold").hidden = !grouped;
    byId("fold").textContent = this.#sections.some((section) => section.open) ? "Collapse all" : "Expand all";
    byId("nothing").hidden = shown > 0;
    byId("clear").hidden = !filtered;
    byId("nothing-text").textContent = rows.length ? "Nothing matches." : `No ${noun[1]}.`;
  }

  #open(item) {
    if (!item.heading) {
      this.#detail.open(
        item,
        this.#sections.flatMap((section) => (section.open ? section.rows : [])),
      );
      return;
    }
    item.open = !item.open;
    this.#update();
    this.#grid.focus(item);
  }

  #foldAll() {
    const open = !this.#sections.some((section) => section.open);
    for (const section of this.#sections) section.open = open;
    this.#update();
  }

  #clear() {
    byId("search").value = "";
    this.#collection.chosen.clear();
    this.#facets.refresh();
    this.#update();
    byId("search").focus();
  }

  /** Paper has no scrolling: print what the filters leave, up to a bound that a browser can lay out. */
  #fillPrint() {
    const rows = this.#sections.flatMap((section) => section.rows);
    const cards = rows.slice(0, PRINTED).map(makeItem);
    for (const image of cards.flatMap((card) => [...card.querySelectorAll("img")])) image.decoding = "sync";
    const rest = rows.length > PRINTED ? [make("p", "", `The first ${PRINTED} of ${count(rows.length)}.`)] : [];
    byId("print").replaceChildren(...cards, ...rest);
  }
}

/** What is filtered and counted together: the photos, or the failures. */
function collect(rows, facetOf, facetTitle, noun) {
  return {
    rows,
    facetOf,
    facetTitle,
    noun,
    orders: new Orders(rows),
    facets: groupBy(rows, facetOf),
    chosen: new Set(),
  };
}

function kindOf(row) {
  return String(row.error.kind ?? "unknown");
}

new Page();
