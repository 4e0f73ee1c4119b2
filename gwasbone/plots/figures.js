// Draws the figures of a page: each as wide as the room it finds, all of them before the page is
// printed. A page whose <html> has data-draw="near" draws what comes near the screen first, and
// the rest when it is scrolled to or printed.

"use strict";

const drawings = [...document.querySelectorAll(".drawing")];
/** Of a drawn figure: its views, and the width that each frame was designed for. */
const drawn = new Map();
/** Paper of A4 and of letter size has this width between the browser's margins. */
const PAPER_PX = 690;
/** A square frame, whose axes share a scale, grows up to this; wider ones as far as there is room. */
const SQUARE_PX = 600;
/** Frames of genomes do not become narrower than this, others than the second: they scroll. */
const LEAST_WIDE_PX = 560, LEAST_PX = 240;
/** Axes of a frame, before they are measured; what stands side by side does so from this width on. */
const AXES_PX = 60, BESIDE_PX = 1000;
let printing = false;

// While a page is laid out for paper, figures keep the pixels that were painted for it.
window.ResizeObserver = class extends ResizeObserver {
  constructor(callback) {
    super((...seen) => { if (!printing) callback(...seen); });
  }
};

/** Frames of a figure (of its JSON or of live models), and the largest sum of widths in a row. */
function framesOf(root) {
  const isLive = (model) => typeof model.setv === "function";
  const all = [];
  const widthOf = (model) => {
    const attributes = isLive(model) ? model : model.attributes || {};
    if (attributes.frame_width) {
      all.push(attributes);
      return attributes.frame_width;
    }
    const children = (attributes.children || []).map((child) => Array.isArray(child) ? child : [child]);
    const widths = children.map(([child]) => widthOf(child));
    const name = isLive(model) ? model.type : model.name;
    if (name === "Row") return widths.reduce((sum, width) => sum + width, 0);
    if (name === "GridPlot") {
      const rows = {};
      children.forEach(([, row], i) => { rows[row] = (rows[row] || 0) + widths[i]; });
      return Math.max(0, ...Object.values(rows));
    }
    return Math.max(0, ...widths);
  };
  return { sum: widthOf(root), all };
}

const isSquare = (frame) => {
  const range = frame.y_range || {};
  return frame.frame_height === frame.frame_width && (range.name || range.type) !== "FactorRange";
};

/** Scale the frames of a figure within their bounds; whether any changed. */
function scale(root, factor, designed) {
  let changed = false;
  framesOf(root).all.forEach((frame, i) => {
    const first = designed[i];
    const square = isSquare(frame);
    // a figure whose texts need their room says so
    const shrinks = frame.name !== "keeps-width";
    const least = !shrinks ? first : Math.min(first, first > 700 ? LEAST_WIDE_PX : LEAST_PX);
    const most = square ? Math.max(first, SQUARE_PX) : Infinity;
    const width = Math.min(most, Math.max(least, Math.floor(frame.frame_width * factor)));
    if (width === frame.frame_width) return;
    changed = true;
    if (square) frame.frame_height = width;
    frame.frame_width = width;
  });
  return changed;
}

const contentWidth = (place) => Math.max(...[...place.children].map((one) => one.offsetWidth));

/** Make a drawn figure as wide as its place, and say how to see what does not fit. */
function fit(place) {
  const { views, designed } = drawn.get(place);
  for (let round = 0; round < 4; round += 1) {
    const slack = place.clientWidth - contentWidth(place);
    if (slack >= 0 && slack < 4) break;
    let changed = false;
    views.forEach((view, i) => {
      const { sum } = framesOf(view.model);
      if (sum) changed = scale(view.model, (sum + slack) / sum, designed[i]) || changed;
    });
    if (!changed) break;
    for (const view of views) relayout(view);
  }
  place.style.setProperty("--print-zoom", Math.min(1, PAPER_PX / contentWidth(place)).toFixed(4));
  reachable(place);
}

/** Put what stands side by side in a figure one below another. */
function stack(model) {
  const children = (model.attributes || {}).children || [];
  // rows of one figure that go on in the next share their axis
  const axes = children.map((child) => ((child.attributes || {}).y_range || {}).id);
  if (model.name === "Row" && new Set(axes).size === axes.length) model.name = "Column";
  for (const child of children) {
    if (!Array.isArray(child)) stack(child);
  }
}

/** Lay out and paint at once, without waiting for a frame of the screen. */
function relayout(view) {
  view.compute_layout();
  const paint = (one) => {
    if (one.repaint) one.repaint();
    for (const child of one.child_views || []) paint(child);
  };
  paint(view);
}

/** Draw a figure. Nothing in it waits for a timer, so that a print in progress sees it whole. */
async function draw(place) {
  if (place.dataset.state) return;
  place.dataset.state = "drawing";
  try {
    const { doc } = JSON.parse(place.parentElement.querySelector("script.item").textContent);
    const designed = doc.roots.map((root) => framesOf(root).all.map((frame) => frame.frame_width));
    doc.roots.forEach((root, i) => {
      if (place.clientWidth < BESIDE_PX) stack(root);
      const { sum } = framesOf(root);
      // fit() does the rest once axes and legends have their width
      if (sum) scale(root, (place.clientWidth - AXES_PX) / sum, designed[i]);
    });
    const made = Bokeh.require("document/document").Document.from_json(doc);
    const views = await Bokeh.embed.add_document_standalone(made, place, doc.roots.map(() => place));
    drawn.set(place, { views: [...views.roots].filter((view) => view.compute_layout), designed });
    fit(place);
    place.style.minHeight = "";
    place.dataset.state = "drawn";
  } catch (error) {
    place.dataset.state = "failed";
    const words = document.createElement("p");
    words.className = "failed";
    words.textContent = `This figure could not be drawn: ${error.message}`;
    place.append(words);
    console.error(error);
  }
}

/** What scrolls sideways says so, and can be reached with the keyboard. */
function reachable(place) {
  const scrolls = place.scrollWidth > place.clientWidth + 1;
  const hint = place.nextElementSibling;
  if (hint && hint.classList.contains("hint")) hint.hidden = !scrolls;
  if (scrolls) place.tabIndex = 0;
  else if (place.matches(".drawing, .markup")) place.removeAttribute("tabindex");
}

// ---- saving -------------------------------------------------------------------------------

/** Pixels of a saved image per pixel of the page. */
const SAVED_RATIO = 2;

/** Let a task run as on a screen of another density; Bokeh asks the window for it. */
async function atRatio(ratio, task) {
  const own = Object.getOwnPropertyDescriptor(window, "devicePixelRatio");
  Object.defineProperty(window, "devicePixelRatio", { value: ratio, configurable: true });
  try {
    return await task();
  } finally {
    if (own) Object.defineProperty(window, "devicePixelRatio", own);
    else delete window.devicePixelRatio;
  }
}

/** A drawn figure as it is zoomed now, drawn once more out of sight and exported. */
async function exported(place, kind) {
  const aside = document.createElement("div");
  aside.style.cssText = `position:absolute; top:0; left:-20000px; width:${contentWidth(place)}px`;
  document.body.append(aside);
  const { Document } = Bokeh.require("document/document");
  const copy = Document.from_json(drawn.get(place).views[0].model.document.to_json());
  for (const model of copy._all_models.values()) {
    if ("output_backend" in model.attributes) model.output_backend = kind === "svg" ? "svg" : "canvas";
  }
  try {
    return await atRatio(SAVED_RATIO, async () => {
      const views = await Bokeh.embed.add_document_standalone(copy, aside, copy.roots().map(() => aside));
      const [view] = [...views.roots];
      view.compute_layout();
      return await view.export(kind, true).to_blob();
    });
  } finally {
    copy.clear();
    aside.remove();
  }
}

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");

/** The lines of a text node, each with its place. */
function* linesOf(node) {
  const range = document.createRange();
  let line = null;
  for (const match of node.data.matchAll(/\S+/g)) {
    range.setStart(node, match.index);
    range.setEnd(node, match.index + match[0].length);
    const { left, top, height } = range.getBoundingClientRect();
    if (line && Math.abs(line.top - top) < height / 2) {
      line.text += ` ${match[0]}`;
    } else {
      if (line) yield line;
      line = { text: match[0], left, top, height };
    }
  }
  if (line) yield line;
}

/** A sheet of images with their captions as SVG. */
function sheetAsSvg(place) {
  const frame = place.getBoundingClientRect();
  const width = Math.ceil(place.scrollWidth), height = Math.ceil(place.scrollHeight);
  const parts = [`<rect width="${width}" height="${height}" fill="#ffffff"/>`];
  const at = (box) => [box.left - frame.left + place.scrollLeft, box.top - frame.top];
  const walker = document.createTreeWalker(place, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.nodeName === "IMG") {
      const box = node.getBoundingClientRect();
      const [x, y] = at(box);
      parts.push(`<image x="${x}" y="${y}" width="${box.width}" height="${box.height}" `
        + `preserveAspectRatio="none" href="${node.src}"/>`);
    } else if (node.nodeType === Node.TEXT_NODE && !node.parentElement.closest("style")) {
      const style = getComputedStyle(node.parentElement);
      const size = parseFloat(style.fontSize);
      for (const line of linesOf(node)) {
        const [x, y] = at(line);
        parts.push(`<text x="${x}" y="${y + line.height / 2 + 0.35 * size}" font-size="${size}" `
          + `font-family="${escaped(style.fontFamily)}" fill="${style.color}">${escaped(line.text)}</text>`);
      }
    }
  }
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${parts.join("")}</svg>`;
}

async function sheetAsPng(place) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(sheetAsSvg(place))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = SAVED_RATIO * image.naturalWidth;
  canvas.height = SAVED_RATIO * image.naturalHeight;
  const context = canvas.getContext("2d");
  context.scale(SAVED_RATIO, SAVED_RATIO);
  context.drawImage(image, 0, 0);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

const saving = new Set();

/** Save a figure as a file that has its name. */
async function save(place, kind) {
  if (saving.has(place)) return;
  saving.add(place);
  try {
    let blob = null;
    if (place.matches(".markup")) {
      blob = kind === "svg" ? new Blob([sheetAsSvg(place)], { type: "image/svg+xml" }) : await sheetAsPng(place);
    } else {
      await enqueue(place);
      blob = await exported(place, kind);
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${place.parentElement.querySelector(".save").dataset.file}.${kind}`;
    link.click();
    setTimeout(() => { URL.revokeObjectURL(link.href); }, 10_000);
  } finally {
    saving.delete(place);
  }
}

for (const row of document.querySelectorAll(".save")) {
  const place = row.parentElement.querySelector(".drawing, .markup");
  for (const button of row.querySelectorAll("button")) {
    button.addEventListener("click", () => save(place, button.dataset.kind));
  }
}

if (typeof Bokeh !== "undefined") {
  // the tool of the figures themselves saves the same file
  Bokeh.Models.get("SaveTool").prototype.default_view.prototype.doit = function doit() {
    for (const [place, { views }] of drawn) {
      if (views.some((view) => view.model.document === this.model.document)) save(place, "png");
    }
  };
}

let queue = Promise.resolve();
const breath = () => new Promise((resolve) => { setTimeout(resolve); });

/** One after another, so that the page answers in between. */
function enqueue(place) {
  queue = queue.then(() => draw(place)).then(breath);
  return queue;
}

function drawAll() {
  for (const place of drawings) enqueue(place);
  return queue;
}

if (document.documentElement.dataset.draw === "near") {
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      enqueue(entry.target);
    }
  }, { rootMargin: "700px 0px" });
  for (const place of drawings) near.observe(place);
} else {
  drawAll().then(function rest() {
    // tells a program that photographs the page when it may do so
    if (drawings.some((place) => place.dataset.state !== "drawn")) return;
    if (drawings.length && !Bokeh.documents.every((one) => one.is_idle)) setTimeout(rest, 20);
    else document.documentElement.dataset.drawn = String(Math.round(performance.now()));
  });
}
const sideways = [...document.querySelectorAll(".markup, .scroll")];
for (const place of sideways) reachable(place);

let resized = 0;
window.addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    for (const place of drawn.keys()) fit(place);
    for (const place of sideways) reachable(place);
  }, 150);
});

// ---- paper --------------------------------------------------------------------------------

const layersOf = (root) => [...root.children].filter((one) => one.tagName === "CANVAS");

/** The shadow trees in an element that hold canvases which lie one over another. */
function framesWithin(element) {
  const root = element.shadowRoot || element;
  const inside = [...root.children].flatMap(framesWithin);
  return layersOf(root).length > 1 ? [root, ...inside] : inside;
}

/**
 * A copy on top of the layers of each frame. Chromium prints a layer that the screen has not shown
 * yet as if it were opaque: an empty one hides what lies below.
 */
function copied(place) {
  return framesWithin(place).map((root) => {
    const layers = layersOf(root);
    const copy = layers[0].cloneNode();
    for (const layer of layers) {
      if (layer.width && layer.height) copy.getContext("2d").drawImage(layer, 0, 0);
    }
    // legends lie over it
    layers.at(-1).after(copy);
    return copy;
  });
}

let unseen = [], copies = [];

async function drawForPaper(place) {
  await draw(place);
  if (printing && drawn.has(place)) copies.push(...copied(place));
}

// The browser prints when this listener and the promises that it started are done.
window.addEventListener("beforeprint", () => {
  printing = true;
  unseen = drawings.filter((place) => !place.dataset.state);
  for (const place of drawings) drawForPaper(place);
  for (const one of document.querySelectorAll("details")) one.open = true;
});
window.addEventListener("afterprint", () => {
  printing = false;
  for (const copy of copies) copy.remove();
  copies = [];
  // their sizes were not observed
  for (const place of unseen) if (drawn.has(place)) drawn.get(place).views.forEach(relayout);
});
