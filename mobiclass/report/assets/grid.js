// A grid of which only the lines near the window exist as elements, with one tab stop and arrow keys.
// Knows sections and rows; what a card or a heading looks like it is told.

const GAP_PX = 12;
const HEADING_GAP_PX = 4; // a heading stands closer to what it heads
const OVERSCAN_PX = 600;

class Grid {
  #root;
  #makeItem;
  #open;
  #lines = []; // {top, height, items}: an item is a section's heading or a row
  #lineOf = new Map();
  #shown = new Map(); // line number -> element
  #sections = [];
  #shape = null;
  #current = null;
  #width = 0;
  #scheduled = false;

  /** `makeItem(item)` makes an item's button; `open(item)` is what a click or Enter on it does. */
  constructor(root, makeItem, open) {
    this.#root = root;
    this.#makeItem = makeItem;
    this.#open = open;
    const later = () => this.#schedule();
    window.addEventListener("scroll", later, { passive: true });
    new ResizeObserver(() => this.#root.clientWidth !== this.#width && this.#layOut()).observe(root);
    window.addEventListener("resize", later);
    root.addEventListener("click", (event) => this.#clicked(event));
    root.addEventListener("keydown", (event) => this.#pressed(event));
    root.addEventListener("focusin", (event) => this.#focused(event));
  }

  /** Show sections `{heading, open, rows}` (no heading: none shown). `shape` gives heights and columns for a width. */
  show(sections, shape) {
    this.#sections = sections;
    this.#shape = shape;
    this.#layOut();
  }

  /** Move the focus to an item that is shown, and it into view. */
  focus(item) {
    const number = this.#lineOf.get(item);
    if (number === undefined) return;
    this.#setCurrent(item);
    this.#render();
    const button = this.#buttonOf(item);
    button.focus({ preventScroll: true });
    button.scrollIntoView({ block: "nearest" });
  }

  /** Make the items that are shown anew: what they look like has changed. */
  refresh() {
    this.#root.replaceChildren();
    this.#shown.clear();
    this.#render();
  }

  #layOut() {
    if (!this.#shape) return;
    this.#width = this.#root.clientWidth;
    const { columns, cardWidth, height, headingHeight } = this.#shape(this.#width);
    this.#lines = [];
    this.#lineOf.clear();
    let top = 0;
    const add = (items, lineHeight, gap = GAP_PX) => {
      for (const item of items) this.#lineOf.set(item, this.#lines.length);
      this.#lines.push({ top, height: lineHeight, items });
      top += lineHeight + gap;
    };
    for (const section of this.#sections) {
      if (section.heading) add([section], headingHeight, HEADING_GAP_PX);
      if (!section.open) continue;
      for (let start = 0; start < section.rows.length; start += columns) {
        add(section.rows.slice(start, start + columns), height);
      }
    }
    this.#root.style.height = `${Math.max(0, top - GAP_PX)}px`;
    this.#root.style.setProperty("--card-width", `${cardWidth}px`);
    this.#root.style.setProperty("--gap", `${GAP_PX}px`);
    this.#root.setAttribute("aria-rowcount", this.#lines.length);
    this.#root.setAttribute("aria-colcount", columns);
    this.#root.replaceChildren();
    this.#shown.clear();
    if (!this.#lineOf.has(this.#current)) this.#current = null;
    this.#render();
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#render();
    });
  }

  #render() {
    if (!this.#lines.length) return;
    const windowTop = -this.#root.getBoundingClientRect().top;
    const first = this.#lineAt(windowTop - OVERSCAN_PX);
    const last = this.#lineAt(windowTop + window.innerHeight + OVERSCAN_PX);
    if (!this.#root.contains(document.activeElement)) this.#tabInto(windowTop, first, last);
    const wanted = new Set();
    for (let number = first; number <= last; number++) wanted.add(number);
    // The line that has the focus outlives being scrolled away, or the focus would be lost.
    if (this.#current) wanted.add(this.#lineOf.get(this.#current));
    for (const [number, element] of this.#shown) {
      if (wanted.has(number)) continue;
      element.remove();
      this.#shown.delete(number);
    }
    const order = [...wanted].sort((a, b) => b - a);
    let after = null; // built backwards, so that each line knows the one that it stands before
    for (const number of order) {
      let element = this.#shown.get(number);
      if (!element) {
        element = this.#makeLine(number);
        this.#shown.set(number, element);
        this.#root.insertBefore(element, after);
      }
      after = element;
    }
  }

  /** Let the tab key enter at what is in the window. */
  #tabInto(windowTop, first, last) {
    const number = this.#lineOf.get(this.#current);
    if (number >= first && number <= last) return;
    this.#setCurrent(this.#lines[Math.min(this.#lineAt(windowTop) + (windowTop > 0 ? 1 : 0), last)].items[0]);
  }

  #lineAt(offset) {
    let low = 0;
    let high = this.#lines.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lines[middle].top <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #makeLine(number) {
    const { top, height, items } = this.#lines[number];
    const line = make("div", "line");
    line.setAttribute("role", "row");
    line.setAttribute("aria-rowindex", number + 1);
    line.style.transform = `translateY(${top}px)`;
    line.style.height = `${height}px`;
    for (const item of items) {
      const button = this.#makeItem(item);
      button.type = "button";
      button.tabIndex = item === this.#current ? 0 : -1;
      button.item = item;
      const cell = make("div", "cell", button);
      cell.setAttribute("role", "gridcell");
      if (item.heading) cell.style.flexBasis = "100%";
      line.append(cell);
    }
    return line;
  }

  #buttonOf(item) {
    const line = this.#shown.get(this.#lineOf.get(item));
    return line && [...line.querySelectorAll("button")].find((button) => button.item === item);
  }

  #setCurrent(item) {
    const before = this.#current && this.#buttonOf(this.#current);
    if (before) before.tabIndex = -1;
    this.#current = item;
    const after = this.#buttonOf(item);
    if (after) after.tabIndex = 0;
  }

  #focused(event) {
    const item = event.target.item;
    if (item && item !== this.#current) this.#setCurrent(item);
  }

  #clicked(event) {
    const item = event.target.closest("button")?.item;
    if (!item) return;
    this.#setCurrent(item);
    this.#open(item);
  }

  #pressed(event) {
    if (event.altKey || event.metaKey || !this.#current) return;
    const target = this.#neighbour(event);
    if (!target) return;
    event.preventDefault();
    this.focus(target);
  }

  #neighbour({ key, ctrlKey }) {
    const lines = this.#lines;
    const number = this.#lineOf.get(this.#current);
    const { items } = lines[number];
    const column = items.indexOf(this.#current);
    const beside = (line) => lines[line] && lines[line].items[Math.min(column, lines[line].items.length - 1)];
    const page = Math.max(1, Math.floor(window.innerHeight / (lines[number].height + GAP_PX)) - 1);
    switch (key) {
      case "ArrowRight":
        return items[column + 1] ?? lines[number + 1]?.items[0];
      case "ArrowLeft":
        return items[column - 1] ?? lines[number - 1]?.items.at(-1);
      case "ArrowDown":
        return beside(number + 1);
      case "ArrowUp":
        return beside(number - 1);
      case "PageDown":
        return beside(Math.min(number + page, lines.length - 1));
      case "PageUp":
        return beside(Math.max(number - page, 0));
      case "Home":
        return ctrlKey ? lines[0].items[0] : items[0];
      case "End":
        return ctrlKey ? lines.at(-1).items.at(-1) : items.at(-1);
      default:
        return null;
    }
  }
}
