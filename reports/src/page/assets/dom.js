// Elements made of text. Nothing that comes from a run is ever parsed as markup.

/** An element. Attributes named `on…` are listeners; `null`, `false` and absent ones are left
 *  out, as are such children. */
function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}

function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Control characters as pictures, and characters that turn the direction of text as their
 *  numbers: a program shall look like what runs. */
function visible(text) {
  return text
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
      (c) => `⟨U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

const numberFormat = new Intl.NumberFormat("en-US");
const counted = (n, what) => `${numberFormat.format(n)} ${what}${n === 1 ? "" : "s"}`;
const percent = (share) => (100 * share).toFixed(1);

function option(value, text, chosen) {
  return h("option", { value, selected: value === chosen }, text);
}

/** A choice with its label. */
function chooser(label, options, chosen, onchange) {
  return h("label", { class: "chooser" }, h("span", null, label),
    h("select", { onchange: (event) => onchange(event.target.value) },
      options.map(([value, text]) => option(value, text, chosen))));
}
