// Puts the page together, and carries a change of the view to what shows it.

function start() {
  const app = document.getElementById("app");
  document.title = content.title;
  const first = fromAddress(location.hash);
  applyTheme(first.theme || view.theme);
  const stage = el("div", {id: "viewer"});
  app.append(buildBar(), buildOverview(), stage, el("div", {id: "note", role: "status"}));
  try {
    stage.append(buildStage(), buildClasses());
  } catch (error) {
    app.replaceChildren(el("p", {class: "failed"}, `Nothing can be drawn: ${error.message}.`));
    return;
  }
  if (innerWidth < 800) document.body.classList.add("no-classes");
  onChange(follow);
  addEventListener("keydown", onKey);
  addEventListener("hashchange", () => { if (location.hash !== written) change(fromAddress(location.hash)); });
  change(first);
}

function applyTheme(theme) { document.documentElement.dataset.theme = theme; }

let shownScene = -2;

/** What a change of these parts of the view brings about. */
function follow(names) {
  const has = (...keys) => keys.some(key => names.has(key));
  if (has("theme")) applyTheme(view.theme);
  if (view.scene !== shownScene) return openScene(names);
  if (view.scene < 0) { drawBar(); if (has("palette", "theme")) drawOverview(); return; }
  if (has("mode", "tool", "palette", "scene", "names")) drawBar();
  if (has("layers", "mode", "wipe", "scene")) drawTabs();
  if (!scenePoints) return;
  if (has("wanted")) chooseWanted();
  if (has("text")) renderer.setHeat(view.text);
  if (has("only", "hidden", "palette", "theme")) renderer.setTable(tableOf(sceneAbout()));
  if (has("only", "pair", "hidden", "faint", "palette")) drawClasses();
  if (has("layers", "mode", "text", "theme", "palette", "tool", "ends")) drawLegend();
  if (has("top", "near", "size")) drawCuts();
  if (has("point", "palette", "text")) drawCard();
  if (has("camera") && !view.camera) view.camera = fitted(START);
  if (!names.has("camera") || names.size > 1 || view.camera) redraw(has("top", "near", "wipe", "size"));
}

async function openScene(names) {
  shownScene = view.scene;
  scenePoints = null;
  const inside = view.scene >= 0, number = view.scene;
  document.body.classList.toggle("viewing", inside);
  document.getElementById("overview").hidden = inside;
  document.getElementById("viewer").hidden = !inside;
  drawBar();
  if (!inside) return drawOverview();
  const about = sceneAbout(), opened = view.opened;
  if (!names.has("layers")) {  // from the list: as a scan is first seen, with what is to be shown of it
    const kept = layersOf(about).some(each => each.key === view.layers[0]) ? {layers: keptLayers(about)} : {};
    Object.assign(view, freshView(about), kept, opened || {});
  }
  delete view.opened;
  sceneFigures = classFigures(about.pairs);
  document.getElementById("busy").hidden = false;
  drawTabs();
  try {
    const points = await loadScene(number);
    if (view.scene !== number) return;
    scenePoints = points;
  } catch (error) {
    say(`cannot show this scan: ${error.message}`);
    return;
  } finally {
    document.getElementById("busy").hidden = true;
  }
  renderer.load(scenePoints);
  if (view.text) renderer.setHeat(view.text);
  renderer.setTable(tableOf(about));
  chooseWanted();
  if (!view.camera) {
    fitWaits = renderer.canvas.clientHeight === 0;
    view.camera = fitted(START);
  }
  drawClasses();
  drawLegend();
  drawCuts();
  drawCard();
  redraw();
  keepInAddress();
  document.body.dataset.scene = about.name;
}

/** Going through scans, the layers stay, where the next one has them. */
function keptLayers(about) {
  const there = layersOf(about).map(each => each.key), usual = usualLayers(about);
  return view.layers.map((key, i) => there.includes(key) && seenBefore ? key : usual[i]);
}
let seenBefore = false;

/** The points that a link names, by their vertices in the file. */
function chooseWanted() {
  seenBefore = true;
  const {wanted} = view;
  delete view.wanted;
  if (!wanted) return;
  view.point = wanted.point === null ? -1 : scenePoints.ofRow(wanted.point);
  const ends = wanted.ends.map(row => Number.isInteger(row) ? scenePoints.ofRow(row) : -1);
  view.ends = ends.length === 2 && ends.every(i => i >= 0) ? ends : [];
  drawCard();
}

globalThis.scanPage = {view, change, move, style, renderer: () => renderer};  // to measure and to try things by
start();
