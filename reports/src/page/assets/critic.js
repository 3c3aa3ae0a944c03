// What a critic makes of a program: for each token the probability of each class (Eq. 10), over
// the code. Five steps, the stronger the more probable, each with a color and an underline of its
// own; the numbers are in words.

const STEPS = ["0–19 %", "20–39 %", "40–59 %", "60–79 %", "80–100 %"];
const stepOf = (value) => Math.min(4, Math.floor(value / 20));

/** `null` where token texts were not kept. */
function criticView(critic, outcome) {
  if (critic.tokens.length === 0) {
    return h("p", { class: "note" }, "The critic's scores of this run do not say what its tokens are; ",
      h("code", null, "coderl critic-score"), " makes them again.");
  }
  const classes = critic.classes.map((name) => name.replace("-", " "));
  // q̂ of Eq. 10 is for the class that the program is of.
  const own = critic.classes.indexOf(
    critic.classes.length === 2 ? (outcome === "passed-tests" ? "passed" : "failed") : outcome);
  let chosen = own >= 0 ? own : critic.classes.length - 1;

  const pieces = critic.tokens.map((text, token) => ({ text, token }));
  const spans = new Map();
  const lines = linesOf(pieces, ({ token }, text) => {
    const span = h("span", { class: "token", "data-token": token }, visible(text));
    spans.set(token, [...(spans.get(token) ?? []), span]);
    return span;
  });
  const code = codeBlock(lines, "What the critic read, with the values of its tokens");
  const readout = h("p", { class: "readout" });
  const last = critic.tokens.length - 1;
  const slider = h("input", { type: "range", min: "0", max: String(last), value: "0", step: "1" });
  const curve = h("div", { class: "curve" });

  const describe = (token) => {
    const shown = JSON.stringify(visible(critic.tokens[token]));
    const values = critic.values[token].map((value, at) => `${classes[at]} ${value} %`).join(", ");
    return `token ${token + 1} of ${last + 1}, ${shown}: ${values}`;
  };
  const show = () => {
    const token = Number(slider.value);
    for (const span of code.querySelectorAll(".current")) span.classList.remove("current");
    for (const span of spans.get(token) ?? []) span.classList.add("current");
    readout.textContent = describe(token);
    slider.setAttribute("aria-valuetext", describe(token));
    curve.replaceChildren(criticCurve(critic, chosen, token));
  };
  const paint = () => {
    for (const [token, ofToken] of spans) {
      for (const span of ofToken) {
        span.className = `token step${stepOf(critic.values[token][chosen])}`;
        span.title = `${critic.values[token][chosen]} % ${classes[chosen]}`;
      }
    }
    show();
  };
  slider.addEventListener("input", show);
  code.addEventListener("click", (event) => {
    const token = event.target.closest("[data-token]")?.dataset.token;
    if (token !== undefined) {
      slider.value = token;
      show();
    }
  });
  paint();
  const predicted = `The critic takes the program for ${classes[critic.predicted]}: `
    + `${critic.probabilities.map((value, at) => `${classes[at]} ${value} %`).join(", ")}.`;
  return h("div", { class: "critic" },
    h("p", null, predicted),
    h("div", { class: "controls" },
      chooser("Probability of", classes.map((name, at) => [String(at), at === own ? `${name} (the outcome)` : name]),
        String(chosen), (value) => {
          chosen = Number(value);
          paint();
        }),
      h("span", { class: "legend", role: "img", "aria-label": `Steps: ${STEPS.join(", ")}` },
        STEPS.map((text, step) => h("span", { class: `token step${step}` }, text)))),
    code,
    leftOut(critic.nLeftOut),
    curve,
    h("label", { class: "slider" }, h("span", null, "Token"), slider),
    readout);
}

/** The chosen class over the tokens. */
function criticCurve(critic, chosen, token) {
  const n = critic.values.length;
  const x = (at) => (n < 2 ? 0 : (at / (n - 1)) * 100);
  const points = critic.values.map((values, at) => `${x(at).toFixed(2)},${(100 - values[chosen]).toFixed(0)}`);
  const line = (y) => svg("line", { x1: 0, x2: 100, y1: y, y2: y, class: "grid" });
  return svg("svg", {
    viewBox: "0 -4 100 108", preserveAspectRatio: "none", role: "img",
    "aria-label": `Probability of ${critic.classes[chosen]} over the tokens, from 0 to 100 percent`,
  }, line(0), line(50), line(100),
    svg("polyline", { points: points.join(" ") }),
    svg("line", { x1: x(token), x2: x(token), y1: 0, y2: 100, class: "at" }));
}
