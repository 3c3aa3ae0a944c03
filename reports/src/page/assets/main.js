// What is shown: the overview, or the problem that the address names.

const overview = document.getElementById("overview");
const listElement = document.getElementById("list");
const list = listElement && problemList(listElement);
const overviewTitle = document.title;
/** Where the overview was scrolled to, and what had the focus there. */
let left = { y: 0, link: null };

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
      window.scrollTo(0, left.y);
      document.querySelector(`#list a[href="${CSS.escape(left.link ?? "")}"]`)?.focus({ preventScroll: true });
      linkTo(left.link)?.focus({ preventScroll: true });
    } else if (wasOpen) {
      document.getElementById(location.hash.slice(1))?.scrollIntoView();
    }
    return;
  }
  if (problemPanel.hidden) left = { y: window.scrollY, link: position };
  left.link = position;
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

themes(document.getElementById("theme"));
route();
document.documentElement.dataset.ready = performance.now().toFixed(0);
