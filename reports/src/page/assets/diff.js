// Expected against actual output, line by line. Both are short: the judge keeps their heads.

/** Rows of `[kind, text]`: " " in both, "-" expected alone, "+" actual alone. */
function diffLines(expected, actual) {
  const [a, b] = [expected.split("\n"), actual.split("\n")];
  // common[i][j]: longest common part of a[i..] and b[j..].
  const common = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const rows = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      rows.push([" ", a[i]]);
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) {
      rows.push(["-", a[i++]]);
    } else {
      rows.push(["+", b[j++]]);
    }
  }
  return rows;
}

/** The part in which two lines differ, marked in the first. */
function marked(line, other) {
  let start = 0;
  while (start < line.length && start < other.length && line[start] === other[start]) start++;
  let end = 0;
  while (end < line.length - start && end < other.length - start
    && line[line.length - 1 - end] === other[other.length - 1 - end]) end++;
  const middle = line.slice(start, line.length - end);
  return [
    visible(line.slice(0, start)),
    middle && h("mark", null, visible(middle)),
    visible(line.slice(line.length - end)),
  ];
}

const DIFF_KINDS = { " ": ["same", "in both"], "-": ["expected", "expected"], "+": ["actual", "actual"] };

function diffView(difference) {
  const rows = diffLines(difference.expected, difference.actual);
  const lines = rows.map(([kind, text], at) => {
    // A line that replaces another is compared with it.
    let content = [visible(text)];
    const next = rows[at + 1];
    const last = rows[at - 1];
    if (kind === "-" && next?.[0] === "+") content = marked(text, next[1]);
    if (kind === "+" && last?.[0] === "-") content = marked(text, last[1]);
    const [name, spoken] = DIFF_KINDS[kind];
    return h("span", { class: `line ${name}` },
      h("span", { class: "sign", "aria-hidden": "true" }, kind === "-" ? "−" : kind),
      h("span", { class: "spoken" }, `${spoken}: `), ...content, "\n");
  });
  const from = difference.line > 1 ? `, from line ${difference.line} of the output` : "";
  return h("div", { class: "diff" },
    h("p", { class: "legend" }, h("span", { class: "key expected" }, "− expected"),
      " ", h("span", { class: "key actual" }, "+ actual"), from),
    h("pre", { tabindex: "0", "aria-label": "Difference of expected and actual output" }, ...lines));
}
