// Colours of the drawing in both themes, and the table that the shader reads them from.

const THEMES = {
  light: {ground: [255, 255, 255], strength: 0.3, ink: "#1b2430", paper: "#ffffff",
    colors: {rightColor: content.errorColors.right, wrongColor: content.errorColors.wrong,
      unknownColor: content.errorColors.unknown, faintColor: [221, 225, 231]},
    confidence: [[112, 8, 110], [214, 60, 140], [246, 160, 180], [214, 222, 231]],
    relevancy: [[205, 209, 216], [238, 202, 130], [245, 150, 60], [214, 55, 40], [120, 5, 45]]},
  dark: {ground: [16, 19, 25], strength: 0.26, ink: "#e9edf3", paper: "#10131a",
    colors: {rightColor: [92, 101, 115], wrongColor: [255, 92, 70], unknownColor: [58, 70, 98],
      faintColor: [46, 53, 64]},
    confidence: [[255, 236, 140], [250, 160, 70], [190, 80, 90], [72, 80, 94]],
    relevancy: [[62, 70, 83], [125, 62, 72], [214, 82, 52], [250, 160, 60], [255, 240, 170]]},
};
const SAFE_WRONG = {light: [205, 92, 0], dark: [255, 182, 0]};

/** The theme's drawing style. */
function style() {
  const theme = THEMES[view.theme];
  if (view.palette === "usual") return theme;
  return {...theme, colors: {...theme.colors, wrongColor: SAFE_WRONG[view.theme]}};
}

function rampColor(stops, share) {
  const at = share * (stops.length - 1), low = Math.min(stops.length - 2, Math.floor(at)), part = at - low;
  return stops[low].map((value, i) => Math.round(value + part * (stops[low + 1][i] - value)));
}

const gradient = stops => `linear-gradient(to right, ${stops.map(css).join(", ")})`;

const HIDDEN = 1, WALL = 2, CEILING = 4, ONLY = 8;  // flags of a class in the table's alpha, as the shader reads them

/** 3 x 256 RGBA bytes, see Renderer.setTable. */
function tableOf(about) {
  const rows = new Uint8Array(3 * 256 * 4), theme = style();
  const put = (row, at, color, alpha) => rows.set([...color, alpha], 4 * (256 * row + at));
  put(0, 0, view.theme === "dark" ? [78, 82, 90] : [128, 130, 134], 0);
  put(0, REST, classColor(-2), sharesCode(view.only) && ONLY);
  about.codes.slice(0, 254).forEach((k, i) => {
    const {wall, ceiling} = content.classes[k];
    const flags = (view.hidden.has(k) && HIDDEN) | (wall && WALL) | (ceiling && CEILING) | (view.only === k && ONLY);
    put(0, i + 1, classColor(k), flags);
  });
  for (let i = 0; i < 256; i++) {
    put(1, i, rampColor(theme.confidence, i / 255), 255);
    put(2, i, rampColor(theme.relevancy, i / 255), 255);
  }
  return rows;
}
