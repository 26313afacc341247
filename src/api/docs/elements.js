// What pages are built of. Text never becomes markup: every node is built.

const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** Text in which `backticks` are code. */
function inline(text = "") {
  return text.split("`").map((part, at) => (at % 2 ? element("code", {}, part) : part));
}

function prose(text) {
  const paragraphs = (text ?? "").split(/\n\s*\n/).filter((part) => part.trim());
  return paragraphs.map((part) => element("p", { class: "about" }, ...inline(part)));
}
