// The list of a scan's classes: search, groups, points, IoU, recall; click on one: only it, and what it is confused with.

const folded = new Set();
let sceneFigures = new Map();

function buildClasses() {
  const find = el("input", {id: "find", type: "search", placeholder: "Find a class  ( / )", "aria-label": "find a class",
    autocomplete: "off", oninput: () => drawClasses()});
  return el("aside", {id: "classes"},
    el("div", {class: "classes-head"}, find,
      iconButton("close", "close the list", () => toggleClasses(), {id: "close-classes"})),
    el("div", {id: "filter"}), el("div", {id: "class-rows"}));
}

function toggleClasses() {
  document.body.classList.toggle("no-classes");
}

/** Whether the scan has so many classes that this one is drawn like others. */
function sharesCode(k) { return codeOf(sceneAbout(), k) === REST; }

/** Whether the class, or pair, is all that is shown; each shown part can be undone here. */
function drawFilter() {
  const box = document.getElementById("filter"), chips = [];
  const chip = (words, undo) => el("button", {class: "chip", type: "button", title: "show all again", onclick: undo},
    words, icon("close"));
  const named = k => [swatch(k), className(k), sharesCode(k) && " or another rare class"];
  if (view.pair) {
    const [t, p] = view.pair;
    chips.push(chip([named(t), " taken for ", named(p)], () => change({pair: null})));
  } else if (view.only >= 0) {
    chips.push(chip(["only ", named(view.only)], () => change({only: -1})));
  }
  if (view.hidden.size) chips.push(chip(`${view.hidden.size} hidden`, () => change({hidden: new Set()})));
  if (view.pair || view.only >= 0) {
    const box = el("input", {type: "checkbox", onchange: event => change({faint: event.target.checked})});
    box.checked = view.faint;
    chips.push(el("label", {class: "check"}, box, "the rest faintly"));
  }
  replaceAll(box, chips);
  box.hidden = !chips.length;
}

function drawClasses() {
  drawFilter();
  const {has} = sceneAbout(), scored = has.prediction && has.truth;
  const wanted = document.getElementById("find").value.trim().toLowerCase();
  const there = [...sceneFigures.values()].filter(each => each.k >= 0 && each.truth + each.predicted > 0);
  const points = each => has.truth ? each.truth : each.predicted;
  there.sort((a, b) => points(b) - points(a) || b.predicted - a.predicted);
  const found = there.filter(each => className(each.k).includes(wanted));
  const parts = [];
  if (there.length) {
    parts.push(el("div", {class: "class-row columns"}, el("span", {class: "name"}, "class"),
      el("span", {class: "number", title: has.truth ? "points in truth" : "points of the prediction"}, "points"),
      scored && el("span", {class: "number", title: "intersection over union in this scan"}, "IoU"),
      scored && el("span", {class: "number", title: "share of its points that are found"}, "recall"),
      el("span", {class: "eye"})));
  }
  for (const group of content.groups.length ? content.groups : [null]) {
    const members = found.filter(each => group === null || content.classes[each.k].group === group);
    if (!members.length) continue;
    if (group !== null) {
      const open = !folded.has(group) || wanted;
      const [mean] = meanIoU(members);
      parts.push(el("button", {class: "group", type: "button", "aria-expanded": String(Boolean(open)),
        onclick: () => { folded[folded.has(group) ? "delete" : "add"](group); drawClasses(); }},
      icon("next"), el("b", {}, group || "other"), el("span", {class: "quiet"}, ` ${members.length}`),
      scored && el("span", {class: "mean"}, `mean IoU ${percent(mean)}`)));
      if (!open) continue;
    }
    for (const each of members) parts.push(classRow(each, points(each), scored));
  }
  if (!there.length) parts.push(el("p", {class: "empty"}, "This scan comes without classes."));
  else if (!found.length) {
    const elsewhere = content.classes.some(each => each.name.includes(wanted));
    parts.push(el("p", {class: "empty"}, elsewhere ? "Not in this scan." : "No such class."));
  }
  replaceAll(document.getElementById("class-rows"), parts);
}

function classRow(each, points, scored) {
  const {k} = each, open = view.only === k || (view.pair && view.pair[0] === k);
  const hidden = view.hidden.has(k);
  const toggle = () => {
    const next = new Set(view.hidden);
    next[hidden ? "delete" : "add"](k);
    change({hidden: next});
  };
  const row = el("div", {class: `class-row${open ? " open" : ""}${hidden ? " hidden-class" : ""}${points ? "" : " absent"}`, "data-class": className(k)},
    el("button", {class: "name", type: "button", title: open ? "show all again" : "show only this class",
      "aria-pressed": String(Boolean(open)),
      onclick: () => change(open ? {only: -1, pair: null} : {only: k, pair: null})}, swatch(sharesCode(k) ? -2 : k), el("span", {}, className(k))),
    el("span", {class: "number"}, short(points)),
    scored && el("span", {class: "number"}, each.truth ? percent(each.iou, 0) : "–"),
    scored && el("span", {class: "number"}, percent(each.recall, 0)),
    el("button", {class: "eye", type: "button", onclick: toggle, title: hidden ? "show" : "hide", "aria-pressed": String(hidden),
      "aria-label": `${hidden ? "show" : "hide"} ${className(k)}`}, icon(hidden ? "shut" : "eye")));
  return open ? el("div", {class: "open-row"}, row, scored && confusions(each)) : row;
}

/** What a class is taken for, and what is wrongly called it; a click shows those points. */
function confusions(each) {
  const list = (title, pairs, whole, pairOf) => pairs.length > 0 && [el("h4", {}, title), pairs.slice(0, 6).map(([other, count]) => {
    const [t, p] = pairOf(other), on = view.pair && view.pair[0] === t && view.pair[1] === p;
    return el("button", {class: "confused", type: "button", "aria-pressed": String(Boolean(on)), title: `${grouped(count)} points`,
      onclick: () => change(on ? {pair: null, only: each.k} : {pair: [t, p], only: -1})},
    swatch(other), el("span", {class: "name"}, className(other)),
    el("span", {class: "bar"}, el("i", {style: {width: `${100 * count / whole}%`}})),
    el("span", {class: "number"}, percent(count / whole, count < 0.1 * whole ? 1 : 0)));
  })];
  return el("div", {class: "confusions"},
    each.truth === 0 ? el("p", {class: "quiet"}, "The truth has none of it.") : null,
    list("is taken for", each.taken, each.truth, other => [each.k, other]) || (each.truth > 0 && el("p", {class: "quiet"}, "All of it is found.")),
    list("is wrongly seen in", each.mistaken, each.scored, other => [other, each.k]));
}
