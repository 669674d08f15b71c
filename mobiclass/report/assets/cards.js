// What one photo, one failure and one section's heading look like. Holds no state.

const CARD_MIN_PX = 168;
const CARD_WORDS_REM = 7.1;
const FAILURE_REM = 4.25;
const HEADING_REM = 2.5;

function remPx() {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}

/** Columns and heights of cards in a grid that is `width` pixels wide. */
function cardShape(width) {
  // Two columns even on the narrowest phone.
  const minimum = Math.min(CARD_MIN_PX, (width - GAP_PX) / 2);
  const columns = Math.max(1, Math.floor((width + GAP_PX) / (minimum + GAP_PX)));
  const cardWidth = (width - (columns - 1) * GAP_PX) / columns;
  const height = Math.round(cardWidth * 0.75 + CARD_WORDS_REM * remPx());
  return { columns, cardWidth, height, headingHeight: HEADING_REM * remPx() };
}

/** The same for failures: one a line. */
function failureShape(width) {
  const height = FAILURE_REM * remPx() * (width < 480 ? 1.15 : 1);
  return { columns: 1, cardWidth: width, height, headingHeight: 0 };
}

function makeItem(item) {
  if (item.heading) return makeHeading(item);
  return item.error ? makeFailure(item) : makeCard(item);
}

function makeHeading(section) {
  const button = make(
    "button",
    "section",
    outside(section.heading, "", 120),
    make("span", "", count(section.rows.length)),
  );
  button.setAttribute("aria-expanded", section.open);
  return button;
}

function makeCard(row) {
  const words = make("span", "words");
  const best = row.scores.length > 0;
  const others = row.scores.filter(({ label }) => label !== row.top);
  words.append(pair("top", row.top.name, best && percent(row.score)), bar(row.score));
  const rest = make("span", "others");
  if (row.truth) rest.append(verdict(row));
  if (row.review) rest.append(review.mark(row));
  // What scored nothing is in the list only because the list has a fixed length.
  const room = row.truth || row.review ? 1 : 2;
  for (const { label, score } of others.filter((other) => other.score > 0).slice(0, room))
    rest.append(pair("", label.name, percent(score)));
  words.append(rest, outside(row.name, "file", 120));
  const card = make("button", "card", picture(row), words);
  card.setAttribute(
    "aria-label",
    printable(
      [row.top.name, best && percent(row.score), verdictText(row), row.review && review.markText(row), row.name]
        .filter(Boolean)
        .join(", "),
    ),
  );
  return card;
}

function makeFailure(row) {
  return make(
    "button",
    "failure",
    make("span", "kind", kindName(row.error.kind)),
    outside(row.name, "clip", 200),
    outside(row.error.message ?? "", "reason clip"),
  );
}

/** A photo's thumbnail, or why there is none. */
function picture(row) {
  const frame = make("span", "picture");
  const image = row.thumbnail && jpeg(row.thumbnail);
  frame.append(image || make("span", "absent", `No thumbnail: ${printable(row.no_thumbnail ?? "not available")}`));
  return frame;
}

/** The picture that the page holds under this id. */
function jpeg(id) {
  const image = make("img");
  image.alt = "";
  image.decoding = "async";
  image.draggable = false;
  image.src = `data:image/jpeg;base64,${byId(id).textContent}`;
  return image;
}

function pair(className, name, value) {
  const line = make("span", `pair ${className}`, outside(name, "", 120));
  if (value) line.append(make("span", "percent", value));
  return line;
}

/** Whether the first prediction is the truth, and else what is; nothing where the truth is not known. */
function verdictText(row) {
  if (!row.truth) return "";
  return row.wrong ? `wrong, ${verdictWords(row)}` : verdictWords(row);
}

/** What is right or wrong: the best prediction, by its name where the photo has another answer. */
function verdictWords(row) {
  const best = row.scores[0]?.label;
  const name = best && best !== row.top && row.truth.index >= 0 ? best.name : "";
  if (row.wrong) return `${name && `${name}, `}actually ${row.truth.name}`;
  return name ? `${name} is correct` : "correct";
}

/** The same as a line of its own, told by a mark as well as by colour. */
function verdict(row, words = verdictWords(row)) {
  const mark = make("span", "mark", row.wrong ? "✗" : "✓");
  mark.setAttribute("aria-hidden", "true");
  return make("span", row.wrong ? "pair verdict wrong" : "pair verdict", mark, outside(words, "", 120));
}

function bar(score) {
  const fill = make("span");
  fill.style.width = `${Math.max(0, Math.min(1, score)) * 100}%`;
  return make("span", "bar", fill);
}

function count(number, one = "photo", many = "photos") {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** `not_found` as people write it. */
function kindName(kind) {
  return printable(String(kind ?? "unknown").replaceAll("_", " "), 40);
}
