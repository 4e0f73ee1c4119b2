// What the report does beside drawing its figures: it sorts, searches and downloads tables, marks
// the chapter in the table of contents, and prints.

document.getElementById("print").addEventListener("click", () => window.print());

// ---- tables -------------------------------------------------------------------------------

const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const kept = (cell) => cell.dataset.v ?? cell.textContent;
// "< 5", a small number that is withheld, stands below 5
const number = (text) => text.startsWith("< ") ? Number(text.slice(2)) - 0.5 : Number(text);

function compare(a, b, isNumber, direction) {
  const [x, y] = [kept(a), kept(b)];
  // what is missing stands last, whichever way
  if (x === "NA" || y === "NA") return (x === "NA") - (y === "NA");
  return direction * (isNumber ? number(x) - number(y) : words.compare(x, y));
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
