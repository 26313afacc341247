// Renders /v1/models: every table that is made of others.

async function asked(path) {
  const key = byId("key").value.trim();
  const answer = await fetch(path, { headers: key ? { authorization: `Bearer ${key}` } : {} });
  const body = await answer.json();
  if (!answer.ok) throw new Error([body.detail, body.fix].filter(Boolean).join("; "));
  return body;
}

function row(kind, cells) {
  return element("tr", {}, ...cells.map((cell) => element(kind, {}, ...[cell].flat())));
}

function table(titles, rows) {
  return element("table", {},
    element("thead", {}, row("th", titles)), element("tbody", {}, ...rows.map((cells) => row("td", cells))));
}

/** Names of tables, linked where they are made of others themselves. */
function names(tables, known) {
  return tables.flatMap((name, at) => [at ? ", " : "",
    known.has(name) ? element("a", { href: `#${name}` }, name) : element("code", {}, name)]);
}

function told(build) {
  if (!build) return "not built yet";
  const rows = build.inserted + build.updated + build.removed;
  return `${build.outcome} at ${build.ended_at}, ${rows} rows changed, version ${build.version}`;
}

function section(model, known) {
  const code = (text) => element("code", {}, text);
  const parts = [
    element("h3", {}, element("a", { href: `#${model.name}` }, model.name)),
    ...prose(model.about),
    element("p", {}, "Made of ", ...names([...model.from, ...model.with], known), "; known by ",
      code(model.key.join(", ")), "."),
    element("p", { class: "hint" }, told(model.last_build)),
    element("h4", {}, "Columns"),
    table(["name", "type", "null"],
      model.columns.map(({ name, type, nullable }) => [code(name), code(type), nullable ? "may be" : "never"])),
  ];
  if (model.tests.length) {
    parts.push(element("h4", {}, "Tests"),
      table(["name", "if it fails", "check"], model.tests.map(({ name, severity, check }) =>
        [code(name), severity === "refuse" ? "nothing is published" : "it is said", code(check)])));
  }
  parts.push(element("details", {}, element("summary", {}, "SQL"), element("pre", {}, model.query)));
  return element("section", { class: "route", id: model.name }, ...parts);
}

async function render() {
  try {
    const { items } = await asked("/v1/models");
    const all = await Promise.all(items.map(({ name }) => asked(`/v1/models/${encodeURIComponent(name)}`)));
    const known = new Set(all.map(({ name }) => name));
    byId("menu").replaceChildren(element("ul", {}, ...all.map(({ name }) =>
      element("li", {}, element("a", { href: `#${name}` }, name)))));
    byId("models").replaceChildren(...all.map((model) => section(model, known)));
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  } catch (error) {
    byId("models").replaceChildren(element("p", { class: "failed" }, error.message));
  }
}

byId("key").addEventListener("change", render);
render();
