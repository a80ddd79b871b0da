// What is looked at: `view`, changed by `change({...})`, told to whoever asked with `onChange`, and kept in the address
// behind #, so that a link shows the same.

const LAYERS = [
  {key: "input", name: "Input", says: "the colours of the scan"},
  {key: "prediction", name: "Prediction", says: "the class that the network gives each point"},
  {key: "truth", name: "Truth", says: "the class that people, or the generator, gave it"},
  {key: "error", name: "Error", says: "where the two differ"},
  {key: "confidence", name: "Confidence", says: "the probability that the network gives its answer"},
  {key: "text", name: "Text", says: "where a text describes the scan"},
];
const LAYER = Object.fromEntries(LAYERS.map((each, number) => [each.key, number]));
const MODES = ["one", "two", "wipe"];

const view = {
  scene: -1,                 // of content.scenes; -1: the list of all
  mode: "one", wipe: 0.5,
  layers: ["input", "prediction"],
  text: 0,                   // which heat map
  only: -1, pair: null,      // class index; [truth, prediction]
  hidden: new Set(), faint: true,
  top: null, near: 0.4,      // metres from the lowest point, null: nothing is cut; metres in from the near side
  size: 1, names: true,      // names: written into the picture
  camera: null,
  point: -1,                 // the chosen one
  tool: "look", ends: [],    // measuring: points
  theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
  palette: "usual",
};
const listeners = [];

function onChange(listener) { listeners.push(listener); }

/** Sets parts of the view; listeners hear which. */
function change(parts) {
  Object.assign(view, parts);
  const names = new Set(Object.keys(parts));
  for (const listener of listeners) listener(names);
  keepInAddress();
}

function sceneAbout() { return content.scenes[view.scene]; }

/** The layers that a scan has. */
function layersOf(about) {
  const {prediction, truth, confidence} = about.has;
  const there = {input: true, prediction, truth, error: prediction && truth, confidence,
    text: about.heats.length > 0 || content.served};
  return LAYERS.filter(each => there[each.key]);
}

/** The two layers that tell most. */
function usualLayers(about) {
  const {prediction, truth} = about.has;
  if (prediction && truth) return ["prediction", "truth"];
  if (prediction) return ["prediction", "input"];
  if (about.heats.length) return ["text", "input"];
  return truth ? ["truth", "input"] : ["input", "input"];
}

/** What a scan is first seen with. */
function freshView(about) {
  return {layers: usualLayers(about), text: 0, only: -1, pair: null, hidden: new Set(), point: -1, ends: [],
    top: about.tall > 1.8 ? about.floor + about.tall - 0.1 : null, near: about.tall > 1.8 ? 0.4 : 0, camera: null};
}

let waiting = 0, written = "";

function keepInAddress() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    written = address();
    try { history.replaceState(null, "", written); } catch { location.hash = written; }
  }, 250);
}

/** The view as the part of a link behind #. */
function address() {
  const words = new URLSearchParams(), name = k => content.classes[k].name;
  if (view.scene >= 0) {
    words.set("scene", sceneAbout().name);
    words.set("layers", view.mode === "one" ? view.layers[0] : view.layers.join(","));
    if (view.mode !== "one") words.set("mode", view.mode);
    if (view.mode === "wipe") words.set("wipe", view.wipe.toFixed(3));
    if (view.layers.includes("text") && sceneAbout().heats.length) words.set("text", sceneAbout().heats[view.text].text);
    if (view.only >= 0) words.set("only", name(view.only));
    if (view.pair) words.set("pair", view.pair.map(k => k < 0 ? "" : name(k)).join("\n"));
    for (const k of view.hidden) words.append("hide", name(k));
    if (!view.faint) words.set("others", "gone");
    words.set("top", view.top === null ? "all" : view.top.toFixed(2));
    words.set("near", view.near.toFixed(2));
    if (!view.names) words.set("names", "no");
    if (view.size !== 1) words.set("size", view.size.toFixed(2));
    if (view.point >= 0 && scenePoints) words.set("point", scenePoints.row(view.point));
    if (view.ends.length === 2 && scenePoints) words.set("measure", view.ends.map(i => scenePoints.row(i)).join(","));
    if (view.camera) {
      const {azimuth, elevation, distance, target} = view.camera;
      words.set("camera", [azimuth.toFixed(1), elevation.toFixed(1), distance.toFixed(3),
        ...target.map(v => v.toFixed(3))].join(","));
    }
  }
  if (view.palette !== "usual") words.set("palette", view.palette);
  words.set("theme", view.theme);
  return `#${words}`;
}

/** Parts of the view that an address holds; what it names and is not here is passed over. */
function fromAddress(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, "")), parts = {};
  const index = name => content.classes.findIndex(each => each.name === name);
  const number = (name, low, high) => {
    const value = Number.parseFloat(words.get(name));
    return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : null;
  };
  if (["light", "dark"].includes(words.get("theme"))) parts.theme = words.get("theme");
  if (words.get("palette") === "safe") parts.palette = "safe";
  const named = content.scenes.findIndex(each => each.name === words.get("scene"));
  parts.scene = named < 0 && content.scenes.length === 1 ? 0 : named;
  if (parts.scene < 0) return parts;
  const about = content.scenes[parts.scene];
  Object.assign(parts, freshView(about));
  const there = layersOf(about).map(each => each.key);
  const layers = (words.get("layers") || "").split(",").filter(key => there.includes(key));
  if (layers.length) parts.layers = [layers[0], layers[1] || parts.layers.find(key => key !== layers[0]) || "input"];
  parts.mode = MODES.includes(words.get("mode")) ? words.get("mode") : "one";
  parts.wipe = number("wipe", 0, 1) ?? 0.5;
  parts.text = Math.max(0, about.heats.findIndex(each => each.text === words.get("text")));
  parts.only = index(words.get("only"));
  const pair = words.has("pair") ? words.get("pair").split("\n") : [];
  if (pair.length === 2 && pair.every(name => name === "" || index(name) >= 0)) parts.pair = pair.map(index);
  parts.hidden = new Set(words.getAll("hide").map(index).filter(k => k >= 0));
  parts.faint = words.get("others") !== "gone";
  if (words.has("top")) parts.top = number("top", -1e6, 1e6);
  parts.near = number("near", 0, 1e6) ?? parts.near;
  parts.names = words.get("names") !== "no";
  parts.size = number("size", 0.3, 4) ?? 1;
  const camera = (words.get("camera") || "").split(",").map(Number);
  if (camera.length === 6 && camera.every(Number.isFinite)) {
    parts.camera = {azimuth: camera[0], elevation: camera[1], distance: Math.max(0.05, camera[2]),
      target: camera.slice(3)};
  }
  parts.wanted = {point: number("point", 0, 1e9), ends: (words.get("measure") || "").split(",").map(Number)};
  return parts;
}
