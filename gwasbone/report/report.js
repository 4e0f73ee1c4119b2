// What the report does: it draws a figure when it comes near the screen, sorts, searches and
// downloads tables, marks the chapter in the table of contents, and prints all of itself.

"use strict";

// ---- figures ------------------------------------------------------------------------------

const drawings = [...document.querySelectorAll(".drawing")];
let queue = Promise.resolve();

/** Frames of a figure, and how many of them stand side by side. */
function frames(root) {
  const found = [];
  let beside = 1;
  const look = (model, columns) => {
    // of the JSON, or of what Bokeh made of it
    const isLive = typeof model.setv === "function";
    const attributes = isLive ? model : model.attributes || {};
    const name = isLive ? model.type : model.name;
    if (attributes.frame_width) {
      found.push(attributes);
      beside = Math.max(beside, columns);
    }
    const children = (attributes.children || []).map((child) => Array.isArray(child) ? child : [child]);
    if (name === "Row") columns *= children.length;
    if (name === "GridPlot") columns *= Math.max(...children.map((child) => child[2] + 1));
    for (const [child] of children) look(child, columns);
  };
  look(root, 1);
  return { found, beside };
}

/** Narrower by so many pixels, but never so narrow that nothing can be told. */
function narrow(frame, by) {
  const least = frame.frame_width > 700 ? 560 : 240;
  const width = Math.max(frame.frame_width - by, Math.min(frame.frame_width, least));
  const range = frame.y_range || {};
  const isNumeric = (range.type || range.name) !== "FactorRange";
  // a square stays one: both of its axes have one scale
  if (isNumeric && frame.frame_height === frame.frame_width) frame.frame_height = width;
  frame.frame_width = width;
}

/** Before it is drawn: what stands side by side does so where there is room. */
function arrange(root, room) {
  if (root.name === "Row" && room < 1000) root.name = "Column";
  const { found, beside } = frames(root);
  for (const frame of found) narrow(frame, Math.max(0, frame.frame_width - (room / beside - 60)));
}

/** After that: axes, legends and names beside the frame are as wide as they are. */
async function fit(place, roots) {
  for (let round = 0; round < 3; round += 1) {
    const excess = place.scrollWidth - place.clientWidth;
    if (excess <= 1) return;
    for (const root of roots) {
      const { found, beside } = frames(root);
      for (const frame of found) narrow(frame, Math.ceil(excess / beside));
    }
    await settled(place);
  }
}

async function draw(place) {
  if (place.dataset.state) return;
  place.dataset.state = "drawing";
  try {
    const item = JSON.parse(place.parentElement.querySelector("script.item").textContent);
    for (const root of item.doc.roots) arrange(root, place.clientWidth);
    await Bokeh.embed.embed_item(item, place.id);
    await settled(place);
    await fit(place, Bokeh.documents.at(-1).roots());
    place.style.minHeight = "";
    place.dataset.state = "drawn";
    reachable(place);
  } catch (error) {
    place.dataset.state = "failed";
    const words = document.createElement("p");
    words.className = "failed";
    words.textContent = `This figure could not be drawn: ${error.message}`;
    place.append(words);
    console.error(error);
  }
}

/** Wait until the figure is on the page. */
function settled(place) {
  return new Promise((resolve) => {
    const look = (left) => {
      const painted = place.firstElementChild && place.firstElementChild.offsetHeight > 0;
      if ((painted && Bokeh.documents.every((one) => one.is_idle)) || left === 0) resolve();
      else setTimeout(() => look(left - 1), 20);
    };
    look(250);
  });
}

/** What scrolls sideways can be reached with the keyboard. */
function reachable(place) {
  if (place.scrollWidth > place.clientWidth + 1) place.tabIndex = 0;
  else place.removeAttribute("tabindex");
}

/** One after another, so that the page answers in between. */
function enqueue(place) {
  queue = queue.then(() => draw(place));
  return queue;
}

const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    near.unobserve(entry.target);
    enqueue(entry.target);
  }
}, { rootMargin: "700px 0px" });
for (const place of drawings) near.observe(place);
for (const place of document.querySelectorAll(".markup")) reachable(place);

function drawAll() {
  for (const place of drawings) enqueue(place);
  return queue;
}

document.getElementById("print").addEventListener("click", async () => {
  await drawAll();
  for (const one of document.querySelectorAll("details")) one.open = true;
  window.print();
});

// ---- tables -------------------------------------------------------------------------------

const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const kept = (cell) => cell.dataset.v ?? cell.textContent;

function compare(a, b, isNumber, direction) {
  const [x, y] = [kept(a), kept(b)];
  // what is missing stands last, whichever way
  if (x === "NA" || y === "NA") return (x === "NA") - (y === "NA");
  return direction * (isNumber ? Number(x) - Number(y) : words.compare(x, y));
}

function sortBy(table, head) {
  const ascending = head.getAttribute("aria-sort") !== "ascending";
  for (const one of head.parentElement.children) one.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = table.tBodies[0];
  const isNumber = head.classList.contains("number");
  const rows = [...body.rows].sort((a, b) =>
    compare(a.cells[head.cellIndex], b.cells[head.cellIndex], isNumber, ascending ? 1 : -1));
  body.append(...rows);
}

function search(block, table, text) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const row of table.tBodies[0].rows) {
    const inside = row.textContent.toLowerCase();
    row.hidden = !wanted.every((word) => inside.includes(word));
    found += !row.hidden;
  }
  const all = table.tBodies[0].rows.length.toLocaleString("en");
  const said = found.toLocaleString("en");
  block.querySelector(".found").textContent = wanted.length ? `${said} of ${all} rows` : `${all} rows`;
}

function download(block, table) {
  const lines = [[...table.tHead.rows[0].cells].map((head) => head.dataset.name)];
  for (const row of table.tBodies[0].rows) {
    if (!row.hidden) lines.push([...row.cells].map(kept));
  }
  const text = lines.map((cells) => cells.join("\t") + "\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" }));
  link.download = block.dataset.file;
  link.click();
  URL.revokeObjectURL(link.href);
}

for (const block of document.querySelectorAll(".table")) {
  const table = block.querySelector("table");
  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("button")?.addEventListener("click", () => sortBy(table, head));
  }
  const field = block.querySelector("input");
  field?.addEventListener("input", () => search(block, table, field.value));
  block.querySelector(".download")?.addEventListener("click", () => download(block, table));
}

// ---- table of contents --------------------------------------------------------------------

const entries = new Map();
for (const link of document.querySelectorAll(".contents a")) {
  entries.set(document.querySelector(link.getAttribute("href")), link);
}

function markChapter() {
  let current = null;
  for (const chapter of entries.keys()) {
    if (chapter.getBoundingClientRect().top <= window.innerHeight / 3) current = chapter;
  }
  for (const [chapter, link] of entries) {
    if (chapter !== current) {
      link.removeAttribute("aria-current");
    } else if (!link.hasAttribute("aria-current")) {
      link.setAttribute("aria-current", "true");
      const list = link.closest("nav");
      if (list.scrollWidth > list.clientWidth) {
        list.scrollLeft = link.offsetLeft - list.clientWidth / 2 + link.offsetWidth / 2;
      }
    }
  }
}

let asked = false;
window.addEventListener("scroll", () => {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; markChapter(); });
}, { passive: true });
markChapter();
