// Elements and words. Every text of the content becomes a text node: none of it is read as HTML.

/** el("button", {class: "x", title: "y", onclick: f, "aria-pressed": true}, child or text, ...) */
function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, part] of Object.entries(value)) made.style.setProperty(key, part);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

const ICONS = {
  back: "M15 5l-7 7 7 7", classes: "M4 6h3M11 6h9M4 12h3M11 12h9M4 18h3M11 18h9",
  one: "M4 5h16v14H4z", two: "M4 5h16v14H4zM12 5v14", wipe: "M4 5h16v14H4zM14 5v14M8 12H6m2 0l-1-1.5M8 12l-1 1.5M18 9v6",
  top: "M4 4h16v16H4zM4 12h6M13 4v8h7M13 16v4", fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  names: "M4 5h16v10h-9l-4 4v-4H4zM8 9h8M8 12h5",
  ruler: "M3 16L16 3l5 5L8 21zM7 12l2 2M10 9l3 3M13 6l2 2", save: "M12 4v11M7 10.5l5 5 5-5M4 20h16",
  link: "M10 14a4 4 0 005.7 0l3-3a4 4 0 00-5.7-5.7L11.5 6.800M14 10a4 4 0 00-5.700 0l-3 3a4 4 0 005.700 5.700l1.500-1.500",
  theme: "M12 3a9 9 0 100 18zM12 3a9 9 0 010 18", palette: "M12 3a9 9 0 100 18c2 0 2-1.500 1.500-2.500s0-2.500 2-2.500H18a3 3 0 003-3c0-5.500-4-10-9-10zM7.500 12h.01M9.500 7.500h.01M14.500 7.500h.01",
  help: "M9 9a3 3 0 116 0c0 2-3 2.500-3 4.500M12 17.500h.01M12 3a9 9 0 100 18 9 9 0 000-18z",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 9.200a2.800 2.800 0 100 5.600 2.800 2.800 0 000-5.600z",
  shut: "M4 4l16 16M9.500 5.900A9 9 0 0112 5.500c6 0 9.500 6.500 9.500 6.500a16 16 0 01-3 3.700M6 7.600A16 16 0 002.500 12S6 18.500 12 18.500a9 9 0 004-1",
  close: "M6 6l12 12M18 6L6 18", next: "M9 5l7 7-7 7", cut: "M4 8h16M4 8v12h16V8M8 4h8", go: "M5 12h14M13 6l6 6-6 6",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon; its title is what it is called. */
function iconButton(name, title, onclick, more = {}) {
  return el("button", {class: "icon-button", title, "aria-label": title, onclick, type: "button", ...more}, icon(name));
}

const css = color => `rgb(${color.join(",")})`;
const percent = (share, digits = 1) => Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : "–";
const grouped = number => number.toLocaleString("en-US");
const metres = value => `${value.toFixed(2)} m`;

/** 12,345 as 12.3 k, to stand in a column. */
function short(number) {
  if (number < 1000) return `${number}`;
  const [value, unit] = number < 1e6 ? [number / 1e3, "k"] : [number / 1e6, "M"];
  return `${value < 99.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

function className(k) { return k === -1 ? "no class" : k === -2 ? "a rare class" : content.classes[k].name; }

function classColor(k) {
  if (k < 0) return k === -2 ? [140, 140, 140] : [110, 112, 118];
  return content.classes[k][view.palette === "safe" ? "safe" : "color"];
}

function swatch(k) { return el("span", {class: "swatch", style: {background: css(classColor(k))}}); }

function replaceAll(parent, ...children) { parent.replaceChildren(...children.flat(Infinity).filter(Boolean)); }

/** Says something for a moment, at the lower edge. */
function say(text) {
  const note = document.getElementById("note");
  note.textContent = text;
  note.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => note.classList.remove("shown"), 3500);
}
