// A problem opened: its statement, and its candidates under one view.

const problemPanel = document.getElementById("problem");
/** Discards the answer of a chunk that somebody no longer waits for. */
let opening = 0;

/** Shows a problem. `order` holds the positions of the list as it is sorted and filtered. */
async function showProblem(position, viewLabel, candidateIndex, order) {
  const ticket = ++opening;
  const heading = h("h1", { tabindex: "-1" }, index.ids[position]);
  problemPanel.replaceChildren(problemHead(position, viewLabel, order, heading), h("p", null, "Reading…"));
  heading.focus({ preventScroll: true });
  window.scrollTo({ top: 0, behavior: "instant" });
  const started = performance.now();
  const chunk = await unpack(position);
  if (ticket !== opening) return;
  problemPanel.lastChild.replaceWith(problemBody(position, chunk, viewLabel, candidateIndex));
  problemPanel.dataset.milliseconds = (performance.now() - started).toFixed(1);
}

function problemHead(position, viewLabel, order, heading) {
  const at = order.indexOf(position);
  const step = (offset, text) => {
    const next = at < 0 ? undefined : order[at + offset];
    return next === undefined
      ? h("span", { class: "off" }, text)
      : h("a", { href: addressOf(next, viewLabel) }, text);
  };
  const facts = [index.levelNames[index.levels[position]], index.splits[position],
    counted(index.nTests[position], "test")].filter(Boolean);
  return h("header", null,
    h("p", { class: "steps" }, h("a", { href: "#problems" }, "← All problems"),
      h("span", null, step(-1, "‹ Previous"), " ", step(1, "Next ›"))),
    heading, h("p", { class: "subtitle" }, facts.join(" · ")));
}

function problemBody(position, chunk, viewLabel, candidateIndex) {
  const view = index.views.find((each) => each.label === viewLabel) ?? index.views[0];
  const candidates = h("section", { "aria-labelledby": "candidates-title" });
  const show = (chosen, chosenIndex) => {
    candidates.replaceChildren(...candidatesView(position, chunk, chosen, chosenIndex, show));
  };
  show(view, candidateIndex);
  return h("div", { class: "two" }, statementView(chunk), candidates);
}

function statementView(chunk) {
  const hasStatement = chunk.statement !== null;
  return h("section", { class: "statement", "aria-labelledby": "statement-title" },
    h("h2", { id: "statement-title" }, "Statement"),
    hasStatement
      ? h("div", { class: "prose", tabindex: "0", role: "region", "aria-labelledby": "statement-title" }, visible(chunk.statement))
      : h("p", { class: "note" }, "The run does not hold the statements of its problems; ",
        h("code", null, "coderl score RUN"), " adds them."),
    chunk.starterCode && [h("h3", null, "Starter code"),
      h("pre", { tabindex: "0", "aria-label": "Starter code" }, visible(chunk.starterCode))],
    chunk.url && h("p", { class: "note" }, "Source: ", visible(chunk.url)));
}

/** `show` is called to change the view or the candidate. */
function candidatesView(position, chunk, view, candidateIndex, show) {
  const run = chunk.runs[view.run];
  const verdictOf = (candidate) => candidate.verdicts.find((verdict) => verdict.grader === view.grader);
  const outcomes = run.candidates.map((candidate) => outcomeOf(verdictOf(candidate)?.outcome));
  const counts = countsOf(view, position);
  const panel = h("div", { id: "candidate" });
  let filter = "all";
  let chosen = run.candidates.findIndex((candidate) => candidate.index === candidateIndex);

  const list = h("div", { role: "listbox", class: "candidates", "aria-label": "Candidates, with their outcomes" });
  const shown = () => run.candidates.map((_, at) => at).filter((at) => filter === "all" || outcomes[at].name === filter);
  const choose = (at, takesFocus) => {
    chosen = at;
    for (const item of list.children) {
      const isChosen = Number(item.dataset.at) === at;
      item.setAttribute("aria-selected", String(isChosen));
      item.tabIndex = isChosen ? 0 : -1;
      if (isChosen && takesFocus) item.focus();
    }
    const candidate = run.candidates[at];
    panel.replaceChildren(candidate
      ? candidateView(run, candidate, view.grader)
      : h("p", { class: "note" }, "There is no candidate."));
    if (candidate) history.replaceState(null, "", addressOf(position, view.label, candidate.index));
  };
  const fill = () => {
    list.replaceChildren(...shown().map((at) => h("div", {
      role: "option", class: `chip ${outcomes[at].name}`, "data-at": at,
      "aria-label": `candidate ${run.candidates[at].index}, ${outcomes[at].title}`,
      onclick: () => choose(at, true),
    }, h("span", { "aria-hidden": "true" }, `${run.candidates[at].index} ${outcomes[at].mark}`))));
    const all = shown();
    choose(all.includes(chosen) ? chosen : all[0] ?? -1, false);
  };
  list.addEventListener("keydown", (event) => {
    const all = shown();
    const at = all.indexOf(chosen);
    const to = {
      ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: all.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (all[to] !== undefined) choose(all[to], true);
  });
  fill();

  const filters = [["all", `all ${run.candidates.length}`],
    ...[...OUTCOMES, UNJUDGED].map((outcome, at) => [outcome.name, `${outcome.title} (${counts[at]})`])
      .filter((_, at) => counts[at] > 0)];
  const views = index.views.map((each, at) => [String(at), each.label]);
  return [
    h("h2", { id: "candidates-title" }, "Candidates"),
    h("div", { class: "controls" },
      views.length > 1 && chooser("Run", views, String(index.views.indexOf(view)), (at) => {
        show(index.views[Number(at)], null);
        problemPanel.querySelector(".controls select").focus();
      }),
      run.candidates.length > 1 && chooser("Show", filters, filter, (value) => {
        filter = value;
        fill();
      })),
    list, panel,
  ];
}

/** The fragment that opens a problem. */
function addressOf(position, viewLabel, candidateIndex) {
  const parts = new URLSearchParams({ problem: index.ids[position] });
  if (viewLabel && index.views.length > 1) parts.set("run", viewLabel);
  if (candidateIndex !== undefined) parts.set("candidate", candidateIndex);
  return `#${parts}`;
}
