// The page of a folder: its scans as pictures, every class's figures, and what is confused with what.

const MATRIX_SIDE = 24;  // classes at most
const overview = {tab: "scans", sort: "worst", layer: null, by: "points", down: true, cell: null};
let allPairs = [], allFigures = new Map();

function buildOverview() {
  allPairs = addPairs(content.scenes);
  allFigures = classFigures(allPairs);
  return el("main", {id: "overview", hidden: true}, el("div", {id: "sums"}), el("nav", {id: "parts", class: "segment"}), el("div", {id: "part"}));
}

const isScored = () => content.scenes.some(about => about.has.prediction && about.has.truth);

function drawOverview() {
  drawSums();
  const parts = [["scans", "Scans"], ["classes", "Classes"], ...(isScored() ? [["matrix", "Confusions"]] : [])];
  replaceAll(document.getElementById("parts"), parts.map(([key, name]) => el("button", {type: "button", "data-part": key,
    "aria-pressed": String(overview.tab === key), onclick: () => { overview.tab = key; drawOverview(); }}, name)));
  replaceAll(document.getElementById("part"), {scans: scansPart, classes: classesPart, matrix: matrixPart}[overview.tab]());
}

/** Mean IoU of the classes that the truth has, and how many those are. */
function meanIoU(figures) {
  const counted = figures.filter(each => each.truth > 0);
  return [counted.reduce((sum, each) => sum + each.iou, 0) / counted.length, counted.length];
}

function drawSums() {
  const figures = [...allFigures.values()].filter(each => each.k >= 0), parts = [];
  const card = (value, label, title = "") => parts.push(el("div", {class: "sum", title}, el("b", {}, value), el("span", {}, label)));
  card(grouped(content.scenes.reduce((sum, about) => sum + about.total, 0)), "points");
  if (isScored()) {
    const labelled = allPairs.filter(([t]) => t >= 0).reduce((sum, [, , count]) => sum + count, 0);
    card(percent(figures.reduce((sum, each) => sum + each.right, 0) / labelled), "points right");
    const [mean, count] = meanIoU(figures);
    card(percent(mean), `mean IoU of ${count} classes`, "of the classes that the truth of these scans has");
    for (const group of content.groups) {
      const [value, members] = meanIoU(figures.filter(each => content.classes[each.k].group === group));
      if (members) card(percent(value), `${group || "other"} (${members})`, "mean IoU of the group's classes in the truth");
    }
  }
  replaceAll(document.getElementById("sums"), parts, content.remarks.map(line => el("p", {class: "remark"}, line)));
}

// ---- scans ----------------------------------------------------------------------------------------------------------

function scansPart() {
  const scored = isScored();
  const layers = LAYERS.filter(each => content.scenes.some(about => about.thumbnails[each.key]));
  overview.layer ??= scored ? "error" : layers.some(each => each.key === "prediction") ? "prediction" : "input";
  const orders = {worst: ["worst first", (a, b) => a.accuracy - b.accuracy], best: ["best first", (a, b) => b.accuracy - a.accuracy],
    name: ["by name", (a, b) => a.name.localeCompare(b.name)], points: ["most points first", (a, b) => b.total - a.total]};
  if (!scored) { delete orders.worst; delete orders.best; }
  if (!orders[overview.sort]) overview.sort = "name";
  const sort = el("select", {id: "sort", "aria-label": "order", onchange: event => { overview.sort = event.target.value; drawOverview(); }},
    Object.entries(orders).map(([key, [name]]) => el("option", {value: key}, name)));
  sort.value = overview.sort;
  const find = el("input", {type: "search", id: "find-all", placeholder: "Find a scan  ( / )", "aria-label": "find a scan", autocomplete: "off",
    oninput: () => { for (const card of grid.children) card.hidden = !card.dataset.name.toLowerCase().includes(find.value.trim().toLowerCase()); }});
  const order = content.scenes.map((about, i) => ({...about, accuracy: about.accuracy ?? NaN, i}));
  const last = each => Number.isFinite(each.accuracy) || !["worst", "best"].includes(overview.sort) ? 0 : 1;
  order.sort((a, b) => last(a) - last(b) || (last(a) ? 0 : orders[overview.sort][1](a, b)));
  const grid = el("div", {class: "scans"}, order.map(about => scanCard(about)));
  return [el("div", {class: "part-bar"}, find, sort, layers.length > 1 && el("div", {class: "segment", role: "group", "aria-label": "pictures"},
    layers.map(each => el("button", {type: "button", title: each.says, "aria-pressed": String(overview.layer === each.key),
      onclick: () => { overview.layer = each.key; drawOverview(); }}, each.name)))), grid];
}

function scanCard(about) {
  const picture = about.thumbnails[overview.layer] || about.thumbnails.prediction || about.thumbnails.input;
  const right = Number.isFinite(about.accuracy);
  return el("button", {class: "scan", type: "button", "data-name": about.name, onclick: () => change({scene: about.i})},
    picture && el("img", {src: `data:image/jpeg;base64,${picture}`, alt: "", loading: "lazy", width: "360", height: "250"}),
    el("span", {class: "scan-name"}, about.name),
    el("span", {class: "scan-figures"}, right ? el("b", {}, percent(about.accuracy)) : "", right ? " right · " : "", `${short(about.total)} points`),
    right && el("span", {class: "bar"}, el("i", {style: {width: `${100 * about.accuracy}%`}})));
}

// ---- classes --------------------------------------------------------------------------------------------------------

function classesPart() {
  const scored = isScored(), figures = [...allFigures.values()].filter(each => each.k >= 0 && each.truth + each.predicted > 0);
  const scenes = k => content.scenes.filter(about => about.pairs.some(([t, p]) => t === k || p === k)).length;
  for (const each of figures) each.scenes ??= scenes(each.k);
  const columns = [["name", "class", each => className(each.k)], ["group", "group", each => content.groups.indexOf(content.classes[each.k].group)],
    ["points", "points", each => each.truth || each.predicted], ["scenes", "scans", each => each.scenes],
    ...(scored ? [["iou", "IoU", each => each.truth ? each.iou : NaN], ["precision", "precision", each => each.precision], ["recall", "recall", each => each.recall],
      ["taken", "most often taken for", each => each.taken.length ? each.taken[0][1] / each.truth : NaN]] : [])];
  const shown = columns.filter(([key]) => key !== "group" || content.groups.length);
  const value = (shown.find(([key]) => key === overview.by) || shown.find(([key]) => key === "points"))[2];
  figures.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (typeof x === "string") return x.localeCompare(y) * (overview.down ? -1 : 1);
    return Number.isNaN(x) - Number.isNaN(y) || (overview.down ? y - x : x - y) || 0;
  });
  const head = el("tr", {}, shown.map(([key, name]) => el("th", {class: `of-${key}`, "aria-sort": overview.by === key ? (overview.down ? "descending" : "ascending") : null},
    el("button", {type: "button", onclick: () => { overview.down = overview.by === key ? !overview.down : key !== "name"; overview.by = key; drawOverview(); }},
      name, overview.by === key ? (overview.down ? " ↓" : " ↑") : ""))));
  const rows = figures.map(each => {
    const {group} = content.classes[each.k], worst = each.taken[0];
    const cells = {name: [swatch(each.k), className(each.k)], group, points: grouped(each.truth || each.predicted), scenes: each.scenes,
      iou: each.truth ? [el("span", {class: "bar"}, el("i", {style: {width: `${100 * each.iou}%`}})), percent(each.iou)] : "–",
      precision: percent(each.precision), recall: percent(each.recall),
      taken: worst && el("button", {class: "pair", type: "button", title: "where", onclick: () => { overview.tab = "matrix"; overview.cell = [each.k, worst[0]]; drawOverview(); }},
        swatch(worst[0]), className(worst[0]), el("span", {class: "quiet"}, ` ${percent(worst[1] / each.truth, 0)}`))};
    return el("tr", {"data-name": className(each.k)}, shown.map(([key]) => el("td", {class: `of-${key}`}, cells[key] ?? "")));
  });
  const body = el("tbody", {}, rows);
  const find = el("input", {type: "search", id: "find-all", placeholder: "Find a class  ( / )", "aria-label": "find a class", autocomplete: "off",
    oninput: () => { for (const row of rows) row.hidden = !row.dataset.name.includes(find.value.trim().toLowerCase()); }});
  return [el("div", {class: "part-bar"}, find), el("div", {class: "wide"}, el("table", {class: "figures-table"}, el("thead", {}, head), body))];
}

// ---- confusions -----------------------------------------------------------------------------------------------------

function matrixPart() {
  const wrong = allPairs.filter(([t, p]) => t >= 0 && p >= 0 && t !== p).sort((a, b) => b[2] - a[2]);
  const chosen = new Set();
  for (const [t, p] of wrong) {
    if (new Set([...chosen, t, p]).size > MATRIX_SIDE) continue;
    chosen.add(t).add(p);
  }
  const rank = k => allFigures.get(k).truth;
  const order = [...chosen].sort((a, b) => rank(b) - rank(a));
  const counts = new Map(allPairs.map(([t, p, count]) => [`${t},${p}`, count]));
  if (!wrong.length) return el("p", {class: "empty"}, "Nothing is confused.");
  overview.cell ??= [wrong[0][0], wrong[0][1]];
  const cell = (t, p) => {
    const count = counts.get(`${t},${p}`) || 0, share = count / allFigures.get(t).truth, on = overview.cell[0] === t && overview.cell[1] === p;
    const words = `${className(t)} ${t === p ? "found" : `taken for ${className(p)}`}: ${percent(share)}, ${grouped(count)} points`;
    return el("td", {class: t === p ? "diagonal" : ""}, count ? el("button", {type: "button", title: words, "aria-label": words, "aria-pressed": String(on),
      style: {"--share": Math.sqrt(share).toFixed(3)}, onclick: () => { overview.cell = [t, p]; drawOverview(); }},
    share >= 0.1 ? `${Math.round(100 * share)}` : "") : "");
  };
  const table = el("table", {class: "matrix"},
    el("thead", {}, el("tr", {}, el("th", {class: "corner"}, "truth ↓  taken for →"), order.map(p => el("th", {}, el("span", {}, className(p)))))),
    el("tbody", {}, order.map(t => el("tr", {}, el("th", {}, className(t), swatch(t)), order.map(p => cell(t, p))))));
  const most = wrong.slice(0, 12).map(([t, p, count]) => pairButton(t, p, `${short(count)} · ${percent(count / allFigures.get(t).truth, 0)}`));
  return el("div", {class: "confusion"}, el("div", {class: "wide"}, table,
    el("p", {class: "quiet"}, `Percent of a class's points; the ${order.length} classes with most confused points, those of most points first.`)),
  el("div", {class: "beside"}, pairDetail(), el("h3", {}, "Confused most"), most));
}

function pairButton(t, p, words) {
  return el("button", {class: "pair", type: "button", "aria-pressed": String(overview.cell[0] === t && overview.cell[1] === p),
    onclick: () => { overview.cell = [t, p]; drawOverview(); }},
  swatch(t), className(t), el("span", {class: "quiet"}, " → "), swatch(p), className(p), el("span", {class: "number"}, words));
}

/** Where a cell's points are: the scans, each opened with nothing but them. */
function pairDetail() {
  const [t, p] = overview.cell, there = [];
  content.scenes.forEach((about, i) => {
    const pair = about.pairs.find(each => each[0] === t && each[1] === p);
    if (pair) there.push([i, pair[2]]);
  });
  there.sort((a, b) => b[1] - a[1]);
  const sum = there.reduce((total, [, count]) => total + count, 0), whole = allFigures.get(t)?.truth || 0;
  return el("div", {class: "detail", id: "pair"}, el("h3", {}, swatch(t), className(t), t === p ? " found" : el("span", {class: "quiet"}, " taken for "), t !== p && swatch(p), t !== p && className(p)),
    el("p", {}, `${percent(sum / whole)} of its ${grouped(whole)} points, in ${there.length} of ${content.scenes.length} scans:`),
    there.slice(0, 12).map(([i, count]) => el("button", {class: "pair", type: "button", "data-scene": content.scenes[i].name,
      onclick: () => change({scene: i, opened: {pair: [t, p], layers: ["error", "truth"], only: -1}})},
    icon("next"), content.scenes[i].name, el("span", {class: "number"}, `${grouped(count)} points`))));
}
