// The list of labels (or of kinds of failure) to filter by, and the chosen ones again as chips above the photos.

const FACETS_SHOWN = 200;

class Facets {
  #search = byId("facet-search");
  #list = byId("facet-list");
  #more = byId("facet-more");
  #chips = byId("chips");
  #collection = null;
  #changed;

  /** `changed()` is told when something was chosen or let go. */
  constructor(changed) {
    this.#changed = changed;
    this.#search.addEventListener("input", () => this.#fillList());
    this.#list.addEventListener("change", ({ target }) => this.#choose(target.facet, target.checked));
  }

  /** Offer the facets of `collection`, whose set `chosen` is kept up to date. */
  offer(collection) {
    this.#collection = collection;
    byId("facet-title").textContent = collection.facetTitle;
    this.#search.value = "";
    this.#search.hidden = collection.facets.length < 10;
    this.refresh();
  }

  refresh() {
    this.#fillList();
    this.#chips.replaceChildren(...[...this.#collection.chosen].map((facet) => this.#chip(facet)));
  }

  #choose(facet, chosen) {
    if (chosen) this.#collection.chosen.add(facet);
    else this.#collection.chosen.delete(facet);
    this.#chips.replaceChildren(...[...this.#collection.chosen].map((each) => this.#chip(each)));
    this.#changed();
  }

  #fillList() {
    const wanted = fold(this.#search.value.trim());
    const matching = this.#collection.facets.filter(([facet]) => fold(facetName(facet)).includes(wanted));
    const items = matching.slice(0, FACETS_SHOWN).map(([facet, rows]) => this.#item(facet, rows.length));
    this.#list.replaceChildren(...items);
    const hidden = matching.length - items.length;
    this.#more.hidden = !hidden && items.length > 0;
    this.#more.textContent = hidden ? `${hidden.toLocaleString("en")} more: search for them` : "None";
  }

  #item(facet, size) {
    const box = make("input");
    box.type = "checkbox";
    box.checked = this.#collection.chosen.has(facet);
    box.facet = facet;
    const label = make(
      "label",
      "",
      box,
      outside(facetName(facet), "", 80),
      make("span", "tally", size.toLocaleString("en")),
    );
    label.title = printable(facetName(facet));
    return make("li", "", label);
  }

  #chip(facet) {
    const chip = make("button", "", outside(facetName(facet), "", 60), " ×");
    chip.type = "button";
    chip.setAttribute("aria-label", `Remove the filter ${printable(facetName(facet), 60)}`);
    chip.addEventListener("click", () => {
      this.#choose(facet, false);
      this.#fillList();
      // The chip is gone; the focus goes on to the next one.
      (this.#chips.querySelector("button") ?? byId("search")).focus();
    });
    return chip;
  }
}

/** A label's name, or a kind of failure as people write it. */
function facetName(facet) {
  return typeof facet === "string" ? kindName(facet) : facet.name;
}
