// One candidate: what became of it and why, the program, and what a critic made of it.

function candidateView(run, candidate, grader) {
  const program = run.programs[candidate.program];
  const main = candidate.verdicts.find((verdict) => verdict.grader === grader);
  const faulty = main?.programLine
    && { line: main.programLine, text: [main.cause, main.message].filter(Boolean).join(": ") };
  const twins = run.candidates.filter((other) => other !== candidate && other.program === candidate.program);
  const shown = h("div", null, programView(program, faulty));
  const views = [["code", "Program"], ["critic", "Critic's token values"]];
  return h("article", { class: "candidate", "aria-label": `Candidate ${candidate.index}` },
    candidate.verdicts.length === 0 && verdictView({ outcome: null, tests: "", nTests: 0 }, run, true, true),
    candidate.verdicts.map((verdict) => verdictView(verdict, run, candidate.verdicts.length === 1, verdict === main)),
    h("div", { class: "program-head" }, h("h4", null, "Program"),
      candidate.critic && chooser("Show", views, "code", (view) => {
        shown.replaceChildren(view === "critic"
          ? criticView(candidate.critic, main?.outcome) : programView(program, faulty));
      })),
    shown,
    twins.length > 0 && h("p", { class: "note" },
      `The same program: candidate${twins.length === 1 ? "" : "s"} ${twins.map((twin) => twin.index).join(", ")}.`),
    h("dl", { class: "facts" }, candidate.facts.map(([name, value]) => [h("dt", null, name), h("dd", null, visible(value))])));
}

function verdictView(verdict, run, isOnly, isMain) {
  const outcome = outcomeOf(verdict.outcome);
  const nPassed = [...verdict.tests].filter((letter) => letter === "p").length;
  const isStopped = verdict.tests.length < verdict.nTests;
  const test = verdict.failedTest ?? null;
  return h("section", { class: "verdict" },
    h("h4", null, badge(outcome), " ", outcome.title,
      verdict.cause && verdict.outcome !== "passed-tests" && [": ", verdict.cause],
      !isOnly && h("small", null, ` grader ${verdict.grader}`)),
    verdict.message && h("p", { class: "message" }, visible(verdict.message)),
    verdict.nTests > 0 && h("div", { class: "tests" }, testStrip(verdict),
      h("span", null, `${nPassed} of ${counted(verdict.nTests, "test")} passed`
        + (isStopped ? `, ${verdict.nTests - verdict.tests.length} not run` : "")
        + `; ${seconds(verdict.referenceSeconds)}`)),
    test !== null && testView(run.tests[test], test, verdict.difference, isMain));
}

const seconds = (amount) => (amount < 0.001 ? "under 0.001" : amount.toPrecision(2)) + " reference seconds";

function testStrip(verdict) {
  const MOST = 60;
  const names = { c: "compile-error", r: "runtime-error", f: "failed-tests", p: "passed-tests" };
  const cells = [...verdict.tests.slice(0, MOST)].map((letter) => {
    const outcome = outcomeOf(names[letter]);
    return h("span", { class: `cell ${outcome.name}` }, outcome.mark);
  });
  const nLeft = Math.min(verdict.nTests, MOST) - cells.length;
  return h("span", { class: "strip", "aria-hidden": "true" }, cells,
    Array.from({ length: nLeft }, () => h("span", { class: "cell" }, "·")), verdict.nTests > MOST && "…");
}

/** The first test that failed: what went in, what should have come out, what came. */
function testView(text, position, difference, open) {
  if (!text && !difference) return null;
  const block = (title, content) => [h("h5", null, title), h("pre", { tabindex: "0", "aria-label": title }, visible(content))];
  return h("details", { class: "failure", open },
    h("summary", null, `Test ${position + 1}, the first that failed`),
    text && block(text.expected === undefined ? "Test" : "Input", text.input),
    difference ? diffView(difference) : text?.expected !== undefined && block("Expected", text.expected));
}

function badge(outcome) {
  return h("span", { class: `badge ${outcome.name}`, "aria-hidden": "true" }, outcome.mark);
}
