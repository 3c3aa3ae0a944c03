// Programs with line numbers.

const KEYWORDS = "False None True and as assert async await break class continue def del elif else except finally "
  + "for from global if import in is lambda nonlocal not or pass raise return try while with yield match case";
const PYTHON = new RegExp([
  /(?<comment>#[^\n]*)/.source,
  /(?<string>[rbfuRBFU]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))/.source,
  `(?<keyword>\\b(?:${KEYWORDS.replaceAll(" ", "|")})\\b)`,
  /(?<number>\b\d[\w.]*)/.source,
  /(?<name>[\p{L}_][\p{L}\p{N}_]*)/.source,
].join("|"), "gu");

/** Pieces of `{ text, kind }`, whose texts together are the program. */
function pythonPieces(program) {
  const pieces = [];
  let end = 0;
  for (const match of program.matchAll(PYTHON)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    if (kind === "name") continue;
    if (match.index > end) pieces.push({ text: program.slice(end, match.index) });
    pieces.push({ text: match[0], kind });
    end = match.index + match[0].length;
  }
  pieces.push({ text: program.slice(end) });
  return pieces;
}

/** Lines of elements: `make(piece, text)` makes one of the part of a piece that is on a line. */
function linesOf(pieces, make) {
  const lines = [[]];
  for (const piece of pieces) {
    piece.text.split("\n").forEach((text, at) => {
      if (at > 0) lines.push([]);
      if (text !== "") lines[lines.length - 1].push(make(piece, text));
    });
  }
  // A program's last line end begins no line.
  if (lines.length > 1 && lines[lines.length - 1].length === 0) lines.pop();
  return lines;
}

/** A block of lines. `faulty` is a line, from 1, and what is wrong there. */
function codeBlock(lines, label, faulty) {
  const width = String(lines.length).length;
  const rows = lines.map((content, at) => {
    const isFaulty = faulty?.line === at + 1;
    return h("span", { class: isFaulty ? "line faulty" : "line" },
      h("span", { class: "at", "aria-hidden": "true" }, String(at + 1).padStart(width)),
      ...content, "\n",
      isFaulty && h("span", { class: "fault" }, `▲ line ${at + 1}: ${visible(faulty.text)}`, "\n"));
  });
  return h("pre", { class: "code", tabindex: "0", "aria-label": label }, h("code", null, ...rows));
}

function programView(program, faulty) {
  const lines = linesOf(pythonPieces(program.text), (piece, text) =>
    piece.kind ? h("span", { class: `py-${piece.kind}` }, visible(text)) : visible(text));
  return h("div", null, codeBlock(lines, "Program", faulty), leftOut(program.nLeftOut));
}

function leftOut(n) {
  return n > 0 && h("p", { class: "note" }, `${counted(n, "more character")} left out here; candidates.jsonl has all.`);
}
