// The list of problems: filtered, sorted, and shown a page at a time, so that it is a plain table
// to a screen reader and to the browser's own search.

const PAGE_ROWS = 50;

const STATES = {
  all: ["any", () => true],
  solved: ["passed by some candidate", (counts) => counts[0] > 0],
  every: ["passed by every candidate", (counts, n) => n > 0 && counts[0] === n],
  some: ["passed by some, not by all", (counts, n) => counts[0] > 0 && counts[0] < n],
  none: ["passed by none", (counts, n) => n > 0 && counts[0] === 0],
  failed: ["with failed tests", (counts) => counts[1] > 0],
  runtime: ["with runtime errors", (counts) => counts[2] > 0],
  compile: ["with compile errors", (counts) => counts[3] > 0],
  unjudged: ["with unjudged candidates", (counts) => counts[4] > 0],
};

function problemList(element) {
  const severalViews = index.views.length > 1;
  const state = { text: "", level: "all", status: "all", view: 0, sort: "problem", descending: false, page: 0 };
  let order = [];
  const columns = columnsOf(severalViews);
  const collator = new Intl.Collator("en", { numeric: true });
  // Ids in their natural order, so that sorting by them needs no comparison of texts.
  const ranks = new Array(nProblems);
  [...index.ids.keys()].sort((a, b) => collator.compare(index.ids[a], index.ids[b]))
    .forEach((position, rank) => { ranks[position] = rank; });

  const body = h("tbody");
  const status = h("p", { class: "status", role: "status" });
  const pager = h("nav", { class: "pager", "aria-label": "Pages of the list" });
  const headers = columns.map((column) => h("th", { scope: "col", class: column.isNumber && "number" },
    column.value
      ? h("button", { type: "button", onclick: () => sortBy(column.key, column.isNumber) },
        column.title, h("span", { class: "arrow", "aria-hidden": "true" }))
      : column.title));

  function sortBy(key, isNumber) {
    // Numbers are looked at from the largest.
    state.descending = state.sort === key ? !state.descending : isNumber;
    state.sort = key;
    state.page = 0;
    update();
  }

  function update() {
    const started = performance.now();
    const view = index.views[state.view];
    const text = state.text.trim().toLowerCase();
    const matches = STATES[state.status]?.[1];
    order = [];
    for (let position = 0; position < nProblems; position++) {
      if (text && !index.ids[position].toLowerCase().includes(text)) continue;
      if (state.level !== "all" && index.levels[position] !== Number(state.level)) continue;
      if (state.status === "differ") {
        const shares = index.views.map((each) => passShare(each, position));
        if (shares.every((share) => share === shares[0])) continue;
      } else if (view && !matches(countsOf(view, position), view.candidates[position])) continue;
      order.push(position);
    }
    const value = columns.find((column) => column.key === state.sort).value;
    const keys = new Map(order.map((position) => [position, value ? value(position, ranks) : ranks[position]]));
    const sign = state.descending ? -1 : 1;
    order.sort((a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      if (x === y) return ranks[a] - ranks[b];
      // What is missing comes last, whatever the direction.
      if (x === null || y === null) return x === null ? 1 : -1;
      return sign * (x - y);
    });
    fill();
    element.dataset.milliseconds = (performance.now() - started).toFixed(1);
  }

  function fill() {
    const nPages = Math.max(1, Math.ceil(order.length / PAGE_ROWS));
    state.page = Math.min(state.page, nPages - 1);
    const from = state.page * PAGE_ROWS;
    const rows = order.slice(from, from + PAGE_ROWS);
    body.replaceChildren(...rows.map((position) => h("tr", null,
      columns.map((column) => column.cell(position, index.views[state.view])))));
    columns.forEach((column, at) => {
      const isSorted = column.key === state.sort;
      if (isSorted) headers[at].setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else headers[at].removeAttribute("aria-sort");
    });
    status.textContent = order.length === 0
      ? `No problem of ${numberFormat.format(nProblems)} is like that.`
      : `${numberFormat.format(from + 1)}–${numberFormat.format(from + rows.length)} of ${counted(order.length, "problem")}`
        + (order.length < nProblems ? `, ${numberFormat.format(nProblems)} in all` : "");
    pager.hidden = nPages < 2;
    const turn = (to, text, label) => h("button", {
      type: "button", "aria-label": label, disabled: to < 0 || to >= nPages || to === state.page,
      onclick: () => {
        state.page = to;
        fill();
        pager.querySelector(`[aria-label="${label}"]:not(:disabled)`)?.focus();
      },
    }, text);
    pager.replaceChildren(turn(0, "«", "First page"), turn(state.page - 1, "‹ Previous", "Previous page"),
      h("span", null, `page ${state.page + 1} of ${nPages}`),
      turn(state.page + 1, "Next ›", "Next page"), turn(nPages - 1, "»", "Last page"));
  }

  const changed = (key) => (value) => {
    state[key] = value;
    state.page = 0;
    update();
  };
  const usedLevels = [...new Set(index.levels)].sort();
  const search = h("input", {
    type: "search", placeholder: "part of an id", autocomplete: "off", spellcheck: "false",
    oninput: (event) => changed("text")(event.target.value),
  });
  const states = Object.entries(STATES).map(([key, [title]]) => [key, title]);
  if (severalViews) states.push(["differ", "on which the runs differ"]);
  element.replaceChildren(
    h("form", { class: "controls", onsubmit: (event) => event.preventDefault(), role: "search", "aria-label": "Problems" },
      h("label", { class: "chooser" }, h("span", null, "Problem"), search),
      usedLevels.length > 1 && chooser("Level",
        [["all", "any"], ...usedLevels.map((level) => [String(level), index.levelNames[level]])], "all", changed("level")),
      chooser("Candidates", states, "all", changed("status")),
      severalViews && chooser("Outcomes of", index.views.map((view, at) => [String(at), view.label]), "0",
        (at) => changed("view")(Number(at)))),
    status,
    h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "List of problems" },
      h("table", { class: index.views.length > 3 ? "problems many" : "problems" }, h("thead", null, h("tr", null, headers)), body)),
    pager);
  update();
  return { order: () => order, viewLabel: () => index.views[state.view]?.label };
}

function columnsOf(severalViews) {
  const number = (key, title, value) => ({
    key, title, isNumber: true, value, cell: (position) => h("td", { class: "number" }, value(position) ?? "–"),
  });
  const share = (key, title, view) => ({
    key, title, isNumber: true, value: (position) => passShare(view, position),
    cell: (position) => h("td", { class: "number" }, shareBar(passShare(view, position))),
  });
  const columns = [{
    key: "problem", title: "Problem", value: (position, ranks) => ranks[position],
    cell: (position, view) => h("th", { scope: "row" },
      h("a", { href: addressOf(position, view?.label) }, visible(index.ids[position]))),
  }];
  if (new Set(index.levels).size > 1) {
    columns.push({
      key: "level", title: "Level", value: (position) => index.levels[position],
      cell: (position) => h("td", null, index.levelNames[index.levels[position]]),
    });
  }
  columns.push(number("tests", "Tests", (position) => index.nTests[position]));
  if (!severalViews && index.views.length === 1) {
    const view = index.views[0];
    columns.push(number("candidates", "Candidates", (position) => view.candidates[position]));
    columns.push(share("share", "Passed, %", view));
    [...OUTCOMES, UNJUDGED].slice(1).forEach((outcome, at) => {
      const title = outcome.short[0].toUpperCase() + outcome.short.slice(1);
      columns.push(number(outcome.name, title, (position) => countsOf(view, position)[at + 1]));
    });
  } else {
    index.views.forEach((view, at) => columns.push(share(`share${at}`, `${view.label}, %`, view)));
  }
  columns.push({
    key: "outcomes", title: "Outcomes", isNumber: false,
    cell: (position, view) => h("td", null, view && outcomeBar(countsOf(view, position))),
  });
  return columns;
}

function shareBar(share) {
  if (share === null) return "–";
  const fill = h("span", { class: "fill" });
  fill.style.width = `${100 * share}%`;
  return h("span", { class: "share" }, h("span", { class: "bar", "aria-hidden": "true" }, fill),
    h("span", { class: "value" }, percent(share)));
}

/** Candidates by outcome, as a bar and in words. */
function outcomeBar(counts) {
  const all = [...OUTCOMES, UNJUDGED];
  const words = all.map((outcome, at) => counts[at] > 0 && `${counts[at]} ${outcome.title}`).filter(Boolean).join(", ");
  if (!words) return "–";
  return h("span", { class: "outcomes", role: "img", "aria-label": words, title: words },
    all.map((outcome, at) => {
      if (counts[at] === 0) return null;
      const part = h("span", { class: outcome.name }, outcome.mark);
      part.style.flexGrow = counts[at];
      return part;
    }));
}
