// Around the picture: the bar above, the layers of each pane, legend, cuts, and the card of the chosen point.

function buildBar() {
  return el("header", {id: "bar"},
    el("button", {id: "back", class: "back", type: "button", onclick: () => change({scene: -1})}, icon("back"), el("span", {}, "All scans")),
    el("div", {id: "heading"}),
    el("div", {class: "tools"},
      el("div", {class: "segment", role: "group", "aria-label": "panes", id: "modes"},
        [["one", "one picture"], ["two", "two side by side"], ["wipe", "two, wiped"]].map(([mode, title]) =>
          iconButton(mode, `${title}  ( v )`, () => change({mode}), {"data-mode": mode}))),
      iconButton("fit", "whole scan  ( f )", () => fit(), {class: "icon-button viewing"}),
      iconButton("top", "from above  ( t )", () => fit({azimuth: -90, elevation: 90}), {class: "icon-button viewing"}),
      iconButton("ruler", "measure: click two points  ( m )", () => change({tool: view.tool === "measure" ? "look" : "measure", ends: []}), {id: "measure", class: "icon-button viewing"}),
      iconButton("names", "names in the picture  ( o )", () => change({names: !view.names}), {id: "names", class: "icon-button viewing"}),
      iconButton("save", "save as PNG  ( s )", savePicture, {class: "icon-button viewing"}),
      iconButton("link", "copy a link to this view  ( l )", copyLink),
      iconButton("palette", "colours that colour-blind people can tell  ( b )", () => change({palette: view.palette === "safe" ? "usual" : "safe"}), {id: "palette"}),
      iconButton("theme", "dark or light  ( d )", () => change({theme: view.theme === "dark" ? "light" : "dark"})),
      iconButton("help", "keys and gestures  ( ? )", showHelp),
      iconButton("classes", "classes  ( c )", toggleClasses, {id: "show-classes", class: "icon-button viewing"})));
}

function drawBar() {
  const many = content.scenes.length > 1;
  document.getElementById("back").hidden = !many || view.scene < 0;
  const heading = document.getElementById("heading");
  if (view.scene < 0) {
    replaceAll(heading, el("b", {}, content.title), el("span", {class: "quiet"}, ` ${grouped(content.scenes.length)} scans`));
  } else {
    const about = sceneAbout();
    replaceAll(heading, el("b", {}, about.name),
      el("span", {class: many ? "figures tight" : "figures"}, el("span", {}, `${grouped(about.total)} points`),
        Number.isFinite(about.accuracy) && about.has.truth && about.has.prediction && el("span", {}, el("b", {}, percent(about.accuracy)), " right")),
      many && el("span", {class: "steps"},
        iconButton("back", "previous scan  ( p )", () => stepScene(-1)), iconButton("next", "next scan  ( n )", () => stepScene(1))));
  }
  for (const button of document.querySelectorAll("#modes button")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === view.mode));
  }
  document.getElementById("measure").setAttribute("aria-pressed", String(view.tool === "measure"));
  document.getElementById("names").setAttribute("aria-pressed", String(view.names));
  document.getElementById("palette").setAttribute("aria-pressed", String(view.palette === "safe"));
}

function stepScene(by) {
  const count = content.scenes.length;
  if (count > 1) change({scene: (view.scene + by + count) % count});
}

function drawTabs() {
  const there = layersOf(sceneAbout()), wide = document.getElementById("stage").clientWidth;
  const crowded = view.mode !== "one" && wide / 2 < 95 * there.length + 20;
  for (const pane of [0, 1]) {
    const tabs = document.getElementById(`tabs-${pane}`), set = key => change({layers: view.layers.map((each, i) => i === pane ? key : each)});
    tabs.hidden = pane === 1 && view.mode === "one";
    if (crowded) {
      const pick = el("select", {"aria-label": `layer of the ${pane ? "right" : "left"} pane`, onchange: event => set(event.target.value)},
        there.map(layer => el("option", {value: layer.key}, layer.name)));
      pick.value = view.layers[pane];
      replaceAll(tabs, pick);
      continue;
    }
    replaceAll(tabs, there.map(layer => el("button", {type: "button", title: `${layer.says}${pane ? "" : `  ( ${LAYER[layer.key] + 1} )`}`,
      "data-layer": layer.key, "aria-pressed": String(view.layers[pane] === layer.key), onclick: () => set(layer.key)}, layer.name)));
  }
  const wipe = document.getElementById("wipe");
  wipe.hidden = view.mode !== "wipe";
  wipe.style.left = `${100 * view.wipe}%`;
  wipe.setAttribute("aria-valuenow", Math.round(100 * view.wipe));
}

// ---- legend ---------------------------------------------------------------------------------------------------------

function drawLegend() {
  const box = document.getElementById("legend"), shown = view.mode === "one" ? [view.layers[0]] : view.layers;
  const parts = [...new Set(shown)].map(layer => ({error: errorLegend, confidence: confidenceLegend, text: textLegend})[layer]?.());
  const notes = view.tool === "measure" ? [el("div", {class: "remark"}, view.ends.length === 2 ? `distance ${metres(measured())}` : view.ends.length ? "now the other end" : "click on two points")] : [];
  replaceAll(box, notes, parts, sceneAbout().remarks.map(line => el("div", {class: "remark"}, line)));
  box.hidden = !box.childElementCount;
}

function errorLegend() {
  const {colors} = style(), {pairs} = sceneAbout();
  let right = 0, wrong = 0, unknown = 0;
  for (const [t, p, count] of pairs) {
    if (t < 0) unknown += count; else if (t === p) right += count; else wrong += count;
  }
  const sum = right + wrong + unknown;
  return el("div", {class: "key"}, [["wrong", colors.wrongColor, wrong], ["right", colors.rightColor, right], ["not labelled", colors.unknownColor, unknown]]
    .filter(each => each[2]).map(([name, color, count]) => el("span", {}, el("span", {class: "swatch", style: {background: css(color)}}), `${name} ${percent(count / sum)}`)));
}

function ramp(stops, low, middle, high) {
  return [el("div", {class: "ramp", style: {background: gradient(stops)}}),
    el("div", {class: "ends"}, el("span", {}, low), el("span", {}, middle), el("span", {}, high))];
}

function confidenceLegend() { return el("div", {class: "scale"}, ramp(style().confidence, "unsure 0 %", "50 %", "sure 100 %")); }

function textLegend() {
  const {heats} = sceneAbout(), parts = [];
  if (heats.length > 1) {
    const pick = el("select", {"aria-label": "text", onchange: event => change({text: Number(event.target.value)})},
      heats.map((heat, i) => el("option", {value: i}, `“${heat.text}”`)));
    pick.value = view.text;
    parts.push(pick);
  } else if (heats.length && heats[0].text) parts.push(el("div", {class: "asked"}, `“${heats[0].text}”`));
  if (heats.length) {
    const {low, high} = heats[view.text];
    parts.push(ramp(style().relevancy, `as usual ${low.toFixed(2)}`, "", `most ${high.toFixed(2)}`));
  }
  if (content.served) parts.push(askBox());
  return el("div", {class: "scale"}, parts);
}

/** The text box of a served page: the stage-1 network answers. */
function askBox() {
  const text = el("input", {type: "text", id: "ask", placeholder: "ask: somewhere to sit", maxlength: "500", "aria-label": "what to look for", autocomplete: "off"});
  const go = iconButton("go", "ask", null, {type: "submit"});
  return el("form", {class: "ask", onsubmit: async event => {
    event.preventDefault();
    if (!text.value.trim()) return;
    go.disabled = text.disabled = true;
    say("the network looks …");
    try { await ask(text.value.trim()); say("done"); } catch (error) { say(error.message); }
    go.disabled = text.disabled = false;
  }}, text, go);
}

async function ask(text) {
  const about = sceneAbout(), points = scenePoints;
  const known = about.heats.findIndex(each => each.text === text);
  if (known >= 0) return change({text: known});
  const answer = await fetch("ask", {method: "POST", headers: {"Content-Type": "application/json", "X-Page": content.served},
    body: JSON.stringify({scene: view.scene, text})});
  if (!answer.ok) throw new Error((await answer.text()).slice(0, 300));
  const values = new Uint8Array(await answer.arrayBuffer());
  if (values.length !== about.kept) throw new Error("the answer is of another scan");
  about.heats.push({text, low: Number(answer.headers.get("X-Low")), high: Number(answer.headers.get("X-High"))});
  points.heats.push(values);
  if (points === scenePoints) change({text: about.heats.length - 1});
}

// ---- cuts -----------------------------------------------------------------------------------------------------------

function drawCuts() {
  const {floor, tall} = sceneAbout(), box = document.getElementById("cuts");
  if (!box.childElementCount) {
    const slider = (id, label, onto) => el("label", {}, el("span", {}, label), el("input", {type: "range", id, step: "any", oninput: event => onto(Number(event.target.value))}), el("output", {id: `${id}-says`}));
    replaceAll(box, el("details", {open: innerWidth > 700}, el("summary", {}, icon("cut"), "Cut and size"),
      slider("top", "ceiling", value => { const {floor, tall} = sceneAbout(); change({top: value >= 0.995 ? null : floor + Math.max(0.02, value) * tall}); }),
      slider("near", "near walls", value => change({near: value < 0.01 ? 0 : value * value * nearest()})),
      slider("size", "points", value => change({size: 2 ** value}))));
    Object.assign(box.querySelector("#top"), {min: 0, max: 1});
    Object.assign(box.querySelector("#near"), {min: 0, max: 1});
    Object.assign(box.querySelector("#size"), {min: -1.5, max: 1.5});
  }
  const set = (id, value, words) => {
    const input = box.querySelector(`#${id}`);
    if (document.activeElement !== input) input.value = value;
    box.querySelector(`#${id}-says`).textContent = words;
  };
  set("top", view.top === null ? 1 : (view.top - floor) / tall, view.top === null ? "whole" : `${(view.top - floor).toFixed(2)} m`);
  set("near", Math.sqrt(view.near / nearest()), view.near ? `${view.near.toFixed(2)} m` : "whole");
  set("size", Math.log2(view.size), `× ${view.size.toFixed(2)}`);
}

/** How far in from the near side one may cut: through the whole scan. */
function nearest() { const {box} = sceneAbout(); return Math.max(1, Math.hypot(box[1][0] - box[0][0], box[1][1] - box[0][1])); }

// ---- the chosen point -----------------------------------------------------------------------------------------------

function drawCard() {
  const box = document.getElementById("card"), i = view.point;
  box.hidden = i < 0 || !scenePoints;
  if (box.hidden) return;
  const {has} = scenePoints.about, p = scenePoints.classOf(scenePoints.prediction[i]), t = scenePoints.classOf(scenePoints.truth[i]);
  const line = (label, ...words) => el("div", {class: "line"}, el("span", {class: "quiet"}, label), el("span", {}, words));
  const named = k => el("button", {class: "named", type: "button", title: "show only this class", onclick: () => change({only: k, pair: null})}, swatch(k), className(k));
  const parts = [iconButton("close", "close", () => change({point: -1}), {class: "icon-button card-close"})];
  if (has.prediction) parts.push(line("predicted", p >= 0 ? named(p) : className(p)));
  if (has.truth) parts.push(line("truth", t >= 0 ? named(t) : t === -1 ? "not labelled" : className(t)));
  if (has.prediction && has.truth && t !== -1) {
    parts.push(line("", el("b", {class: p === t ? "right" : "wrong"}, p === t ? "right" : "wrong")));
  }
  if (has.confidence) parts.push(line("confidence", percent(scenePoints.confidence[i] / 255, 0)));
  scenePoints.heats.forEach((heat, k) => {
    const {text, low, high} = scenePoints.about.heats[k];
    parts.push(line(text ? `“${text}”` : "relevancy", (low + heat[i] / 255 * (high - low)).toFixed(3)));
  });
  if (scenePoints.best.length) {
    parts.push(el("div", {class: "best"}, el("span", {class: "quiet"}, `${scenePoints.best.length} likeliest`), scenePoints.best.map(({codes, shares}) => {
      const k = scenePoints.classOf(codes[i]);
      return el("div", {class: "confused"}, swatch(k), el("span", {class: "name"}, className(k)),
        el("span", {class: "bar"}, el("i", {style: {width: `${shares[i] / 2.55}%`}})), el("span", {class: "number"}, percent(shares[i] / 255, 0)));
    })));
  }
  const row = scenePoints.row(i), digits = scenePoints.about.step > 0.002 ? 2 : 3;
  parts.push(line("vertex", row < 0 ? "between vertices" : grouped(row)), line("x y z", `${scenePoints.coordinates(i).map(v => v.toFixed(digits)).join("  ")} m`));
  parts.push(el("button", {class: "text-button", type: "button", onclick: () => move({...view.camera, target: scenePoints.local(i), distance: Math.min(view.camera.distance, 3)})}, "go there"));
  replaceAll(box, parts);
}

// ---- links, pictures, help ------------------------------------------------------------------------------------------

async function copyLink() {
  const link = location.href.split("#")[0] + address();
  try { history.replaceState(null, "", address()); } catch { /* the link is copied all the same */ }
  try {
    await navigator.clipboard.writeText(link);
    say("link to this view copied");
  } catch {
    showDialog("A link to this view", el("textarea", {readonly: true, rows: "5", onfocus: event => event.target.select()}, link));
  }
}

/** The picture with a caption: what it is of, the layers, and the colours of the classes in it. */
function pictureWithCaption() {
  renderer.draw(false, style());
  const {canvas} = renderer, scale = canvas.width / canvas.clientWidth, theme = THEMES[view.theme], about = sceneAbout();
  const layers = renderer.panes().map(pane => LAYERS[LAYER[pane.layer]].name);
  const sheet = document.createElement("canvas"), ink = sheet.getContext("2d");
  const font = size => `${size * scale}px system-ui, sans-serif`, gap = 14 * scale;
  const entries = [];
  if (view.layers.slice(0, layers.length).some(layer => ["prediction", "truth"].includes(layer))) {
    const there = [...sceneFigures.values()].filter(each => each.k >= 0 && !view.hidden.has(each.k) && (view.only < 0 || each.k === view.only));
    there.sort((a, b) => b.truth + b.predicted - a.truth - a.predicted);
    entries.push(...there.slice(0, 28).map(each => [className(each.k), classColor(each.k)]));
  }
  if (layers.includes("Error")) {
    const {wrongColor, rightColor} = style().colors;
    entries.unshift(["wrong", wrongColor], ["right", rightColor]);
  }
  ink.font = font(13);
  let x = gap, rows = entries.length ? 1 : 0;
  const places = entries.map(([name, color]) => {
    const wide = ink.measureText(name).width + 34 * scale;
    if (x + wide > canvas.width) { x = gap; rows++; }
    const place = [x, rows, name, color];
    x += wide;
    return place;
  });
  const head = 40 * scale, foot = rows * 22 * scale + (rows ? gap : 0);
  sheet.width = canvas.width;
  sheet.height = canvas.height + head + foot;
  ink.fillStyle = theme.paper;
  ink.fillRect(0, 0, sheet.width, sheet.height);
  ink.drawImage(canvas, 0, head);
  const marks = document.createElement("canvas");
  drawMarks(marks, canvas.width, canvas.height);
  ink.drawImage(marks, 0, head);
  ink.fillStyle = theme.ink;
  ink.textBaseline = "middle";
  ink.font = `600 ${font(15)}`;
  const right = about.has.truth && about.has.prediction && Number.isFinite(about.accuracy) ? `   ${percent(about.accuracy)} right` : "";
  const what = view.pair ? `   ${className(view.pair[0])} taken for ${className(view.pair[1])}` : view.only >= 0 ? `   only ${className(view.only)}` : "";
  ink.fillText(`${about.name}   ${layers.join(" | ")}${right}${what}`, gap, head / 2, sheet.width - 2 * gap);
  ink.font = font(13);
  for (const [left, row, name, color] of places) {
    const y = head + canvas.height + gap / 2 + (row - 0.5) * 22 * scale;
    ink.fillStyle = css(color);
    ink.fillRect(left, y - 6 * scale, 12 * scale, 12 * scale);
    ink.fillStyle = theme.ink;
    ink.fillText(name, left + 18 * scale, y);
  }
  return sheet;
}

function savePicture() {
  if (!scenePoints) return;
  pictureWithCaption().toBlob(blob => {
    const link = el("a", {href: URL.createObjectURL(blob), download: `${sceneAbout().name}_${view.layers[0]}.png`});
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}

function showDialog(title, ...inside) {
  const dialog = el("dialog", {"aria-label": title, onclick: event => { if (event.target === dialog) dialog.close(); }, onclose: () => dialog.remove()},
    el("div", {class: "dialog-head"}, el("h2", {}, title), iconButton("close", "close", () => dialog.close())), inside);
  document.body.append(dialog);
  dialog.showModal();
}

function showHelp() {
  const rows = [["turn", "drag · one finger · arrow keys"], ["move", "right drag, Shift + drag · two fingers · Shift + arrows"], ["zoom", "wheel · pinch · + and −"],
    ["what a point is", "point at it; click for more"], ["go to a point", "double click · double tap"], ["layers", "1 … 6"], ["one, two, wiped", "v"], ["whole scan, from above", "f, t"],
    ["cut lower, higher", "[ and ]"], ["measure", "m, then two clicks"], ["names in the picture", "o"], ["find a class", "/"], ["list of classes", "c"], ["next, previous scan", "n, p"],
    ["save as PNG, copy link", "s, l"], ["dark or light", "d"], ["colour-blind palette", "b"], ["show all again", "Esc"]];
  showDialog("Keys and gestures", el("table", {class: "help"}, rows.map(([what, how]) => el("tr", {}, el("td", {}, what), el("td", {}, how)))));
}
