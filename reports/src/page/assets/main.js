// What is shown: the overview, or the problem that the address names.

const overview = document.getElementById("overview");
const listElement = document.getElementById("list");
const list = listElement && problemList(listElement);
const overviewTitle = document.title;
/** Where the overview was scrolled to, and the problem that was opened last. */
const left = { y: 0, position: null };

async function route() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const position = positions.get(parts.get("problem"));
  if (position === undefined || !list) {
    const wasOpen = !problemPanel.hidden;
    opening++;
    problemPanel.hidden = true;
    problemPanel.replaceChildren();
    overview.hidden = false;
    document.title = overviewTitle;
    if (wasOpen && (location.hash === "#problems" || location.hash === "")) {
      window.scrollTo({ top: left.y, behavior: "instant" });
      linkTo(left.position)?.focus({ preventScroll: true });
    } else if (wasOpen) {
      document.getElementById(location.hash.slice(1))?.scrollIntoView();
    }
    return;
  }
  if (problemPanel.hidden) left.y = window.scrollY;
  left.position = position;
  overview.hidden = true;
  problemPanel.hidden = false;
  document.title = `${index.ids[position]} – ${overviewTitle}`;
  const candidate = parts.get("candidate");
  await showProblem(position, parts.get("run") ?? list.viewLabel(), candidate === null ? null : Number(candidate), list.order());
}

/** The link of a problem in the list, where it is on the page shown. */
function linkTo(position) {
  const links = [...listElement.querySelectorAll("th a")];
  return links.find((link) => new URLSearchParams(link.hash.slice(1)).get("problem") === index.ids[position]);
}

window.addEventListener("hashchange", route);
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, select, textarea");
  if (event.key === "Escape" && !problemPanel.hidden && !isTyping) location.hash = "#problems";
});

/** As the system has it, light, dark. */
const THEMES = [["", "Theme: system"], ["light", "Theme: light"], ["dark", "Theme: dark"]];

function themes(button) {
  const KEY = "coderl-theme";
  const stored = () => {
    // Where a browser keeps nothing for files on disk.
    try { return localStorage.getItem(KEY) ?? ""; } catch { return ""; }
  };
  let at = Math.max(0, THEMES.findIndex(([name]) => name === stored()));
  const apply = () => {
    const [name, label] = THEMES[at];
    document.documentElement.dataset.theme = name;
    button.textContent = label;
  };
  button.addEventListener("click", () => {
    at = (at + 1) % THEMES.length;
    try { localStorage.setItem(KEY, THEMES[at][0]); } catch { /* It holds until the page is left. */ }
    apply();
  });
  button.hidden = false;
  apply();
}

/** What can be scrolled is a stop of the keyboard, what shows everything is none. */
function stops() {
  for (const region of overview.querySelectorAll(".scroll")) {
    const overflows = region.scrollWidth > region.clientWidth || region.scrollHeight > region.clientHeight;
    region.tabIndex = overflows ? 0 : -1;
  }
}
window.addEventListener("resize", stops);
stops();

/** Problems that a table names are opened from there. */
for (const code of list ? overview.querySelectorAll("th > code") : []) {
  const position = positions.get(code.textContent);
  if (position !== undefined) code.replaceWith(h("a", { href: addressOf(position) }, code.cloneNode(true)));
}

themes(document.getElementById("theme"));
route();
document.documentElement.dataset.ready = performance.now().toFixed(0);
