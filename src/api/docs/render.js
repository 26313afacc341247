// Renders /openapi.json and asks the routes.

let theDocument;

function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** A field for one parameter, with what it accepts. */
function field(operation, parameter) {
  const id = `${operation.operationId}-${parameter.name}`;
  const schema = resolved(parameter.schema);
  const words = schema.enum ?? (schema.type === "boolean" ? ["true", "false"] : undefined);
  const example = parameter.example ?? schema.examples?.[0] ?? "";
  const shared = { id, name: parameter.name, required: parameter.required, "aria-describedby": `${id}-hint` };
  const input = words
    ? element("select", shared, ...["", ...words].map((word) => element("option", { value: word }, word)))
    : element("input", { ...shared, type: schema.type === "integer" ? "number" : "text",
        min: schema.minimum, max: schema.maximum, placeholder: example, autocomplete: "off", spellcheck: "false" });
  input.dataset.example = example;
  input.dataset.where = parameter.in;
  const hint = [parameter.description ?? schema.description, limitsOf(schema)].filter(Boolean).join(" ");
  return element("div", { class: "param" },
    element("label", { for: id }, parameter.name),
    element("div", {}, input, element("p", { class: "hint", id: `${id}-hint` }, ...inline(hint))));
}

/** The address that a form asks for; what is left empty is left out. */
function address(path, form) {
  const query = new URLSearchParams();
  for (const { name, value, dataset } of form.querySelectorAll("input, select")) {
    if (dataset.where === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== "") query.set(name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

/** Every operation there is, with its method and path. */
function operations() {
  const methods = ["get", "post", "put", "patch", "delete"];
  return Object.entries(theDocument.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method]).map((method) => [method.toUpperCase(), path, item[method]]));
}

/** Method, key and body as fetch takes them. The key is forgotten with the page. */
function options(method, form) {
  const headers = {};
  const key = byId("key").value.trim();
  if (key) headers.authorization = `Bearer ${key}`;
  const body = form.querySelector("textarea")?.value.trim();
  if (body) headers["content-type"] = "application/json";
  return { method, headers, body: body || undefined };
}

/** The same for a shell; the key is left for the reader to put in. */
function command(method, asked, { headers, body }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const words = ["curl", method === "GET" ? [] : ["-X", method],
    headers.authorization ? ["-H", quoted("authorization: Bearer $KEY").replaceAll("'", '"')] : [],
    body ? ["-H", quoted("content-type: application/json"), "-d", quoted(body)] : [], quoted(location.origin + asked)];
  return words.flat().join(" ");
}

/** Asks the route and shows the answer. */
async function ask(method, path, form, answer) {
  const asked = address(path, form);
  const sent = options(method, form);
  const began = performance.now();
  answer.replaceChildren(element("p", { class: "line" }, "asking …"));
  try {
    const response = await fetch(asked, sent);
    const text = await response.text();
    const took = Math.round(performance.now() - began);
    const kind = response.headers.get("content-type") ?? "";
    const body = kind.includes("json") ? pretty(JSON.parse(text)) : text;
    answer.replaceChildren(
      element("p", { class: "line" },
        element("span", { class: response.ok ? "good" : "bad" }, String(response.status)),
        ` in ${took} ms · ${kind} · `, element("code", {}, command(method, asked, sent))),
      element("pre", { tabindex: "0" }, body));
  } catch (error) {
    answer.replaceChildren(element("p", { class: "line bad" }, `no answer: ${error.message}`));
  }
}

/** A field for the body of a command, with its example in it. */
function bodyField({ operationId, requestBody }) {
  const { schema, example } = requestBody?.content?.["application/json"] ?? {};
  if (!schema) return [];
  const text = element("textarea", { id: `${operationId}-body`, rows: "8", spellcheck: "false" });
  text.value = example === undefined ? "{}" : pretty(example);
  return [element("div", { class: "param" },
    element("label", { for: text.id }, "body"), element("div", {}, text, ...members(schema)))];
}

function tryIt(method, path, operation) {
  const parameters = (operation.parameters ?? []).filter((parameter) => parameter.in !== "header");
  const fields = parameters.map((parameter) => field(operation, parameter));
  const answer = element("output", { class: "answer", "aria-live": "polite" });
  const form = element("form", {}, ...fields, ...bodyField(operation),
    element("button", { type: "submit" }, method === "GET" ? "Ask" : "Send"));
  if (fields.length) {
    const example = element("button", { type: "button", class: "plain" }, "Fill in the example");
    example.addEventListener("click", () => {
      for (const input of form.querySelectorAll("input, select")) {
        const isUsual = ["path"].includes(input.dataset.where) || ["asset", "timeframe", "limit"].includes(input.name);
        input.value = isUsual ? input.dataset.example : "";
      }
    });
    form.append(example);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(method, path, form, answer);
  });
  return [form, answer];
}

function response(status, { description, content = {} }) {
  const bodies = Object.entries(content).flatMap(([kind, { schema, example }]) => [
    element("p", { class: "type" }, element("code", {}, kind), " ", ...typeOf(schema)),
    ...members(schema),
    ...(example === undefined ? [] : [element("pre", { tabindex: "0" }, pretty(example))]),
  ]);
  return element("details", {},
    element("summary", {}, element("span", { class: `status ${status < 300 ? "good" : "bad"}` }, status), ...inline(description)),
    ...bodies);
}

function route([method, path, operation]) {
  const { operationId: id, summary, description, responses, security } = operation;
  const heading = element("h3", {}, element("span", { class: "method" }, method),
    element("a", { class: "path", href: `#${id}` }, path));
  const scope = security?.[0]?.key?.[0];
  return element("section", { class: "route", id, "aria-label": `${method} ${path}` },
    heading, element("p", { class: "summary" }, summary, scope ? ` · ${scope}` : ""), ...prose(description),
    ...tryIt(method, path, operation),
    element("h4", {}, "Answers"),
    ...Object.entries(responses).map(([status, one]) => response(status, one)));
}

function show() {
  const { info, tags } = theDocument;
  byId("version").textContent = info.version;
  byId("about").replaceChildren(element("h1", {}, `${info.title} API`), ...prose(info.description));
  const menu = [];
  const groups = tags.map((tag) => {
    const routes = operations().filter(([, , { tags }]) => tags.includes(tag.name));
    const links = routes.map(([method, path, { operationId, summary }]) => element("li", {},
      element("a", { href: `#${operationId}`, title: summary }, method === "GET" ? path : `${method} ${path}`)));
    menu.push(element("section", {}, element("h2", {}, tag.name), element("ul", {}, ...links)));
    return element("section", { class: "group" },
      element("h2", {}, tag.name), ...prose(tag.description), ...routes.map(route));
  });
  byId("menu").replaceChildren(...menu);
  byId("routes").replaceChildren(...groups, schemas());
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

/** Leaves in the menu what contains the words. */
function filter(words) {
  for (const item of byId("menu").querySelectorAll("li")) {
    const link = item.firstChild;
    item.hidden = !`${link.textContent} ${link.title}`.toLowerCase().includes(words.toLowerCase());
  }
  for (const group of byId("menu").children) {
    group.hidden = !group.querySelector("li:not([hidden])");
  }
}

byId("filter").addEventListener("input", (event) => filter(event.target.value));
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
    event.preventDefault();
    byId("filter").focus();
  }
});

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then((read) => { theDocument = read; show(); })
  .catch((error) => byId("routes").replaceChildren(element("p", { class: "failed" }, `/openapi.json cannot be read: ${error.message}`)));
