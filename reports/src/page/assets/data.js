// What the page holds: the index of all problems, and a packed chunk for each of them.

const index = JSON.parse(document.getElementById("index").textContent);
const nProblems = index.ids.length;
const positions = new Map(index.ids.map((id, position) => [id, position]));

/** Outcomes, best first, with what stands for them beside their color. */
const OUTCOMES = [
  { name: "passed-tests", title: "passed tests", short: "passed", mark: "✓" },
  { name: "failed-tests", title: "failed tests", short: "failed", mark: "≠" },
  { name: "runtime-error", title: "runtime error", short: "runtime", mark: "!" },
  { name: "compile-error", title: "compile error", short: "compile", mark: "✗" },
];
const UNJUDGED = { name: "unjudged", title: "not judged", short: "unjudged", mark: "?" };
const outcomeOf = (name) => OUTCOMES.find((outcome) => outcome.name === name) ?? UNJUDGED;

/** How many candidates of a problem have each of `OUTCOMES`, and how many are unjudged. */
function countsOf(view, position) {
  const counts = [3, 2, 1, 0].map((worst) => view.outcomes[worst][position]);
  return [...counts, view.unjudged[position]];
}

/** Passing candidates over all of them; unjudged ones do not pass. `null` without any. */
function passShare(view, position) {
  const n = view.candidates[position];
  return n === 0 ? null : view.outcomes[3][position] / n;
}

/** The element of a chunk, once the browser has read it to its end. */
async function chunkElement(position) {
  const find = () => {
    const element = document.getElementById(`p${position}`);
    const isWhole = document.readyState !== "loading" || element?.nextElementSibling;
    return isWhole ? element : null;
  };
  if (!find() && document.readyState === "loading") {
    await new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve, { once: true }));
  }
  return find();
}

/** Everything about a problem. */
async function unpack(position) {
  const packed = atob((await chunkElement(position)).textContent);
  const bytes = Uint8Array.from(packed, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}
