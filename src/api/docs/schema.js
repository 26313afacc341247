// How a schema reads: its type in one line, its limits in another, its members as a list.

/** Follows a reference into the document; what is no reference is itself. */
function resolved(schema) {
  const name = nameOf(schema);
  return name ? theDocument.components.schemas[name] : schema;
}

function nameOf(schema) {
  return schema?.$ref?.split("/").at(-1);
}

/** A type in words, with links to the schemas that have names. */
function typeOf(schema = {}) {
  const name = nameOf(schema);
  if (name) return [element("a", { href: `#schema-${name}` }, name)];
  const several = schema.oneOf ?? schema.anyOf;
  if (several) return several.flatMap((one, at) => (at ? [" or ", ...typeOf(one)] : typeOf(one)));
  const type = [schema.type ?? "anything"].flat().join(" or ");
  if (schema.items) return ["list of ", ...typeOf(schema.items)];
  if (schema.additionalProperties) return ["map of ", ...typeOf(schema.additionalProperties)];
  return [schema.format ? `${type}, ${schema.format}` : type];
}

/** What a value must keep to, as sentences. */
function limitsOf(schema = {}) {
  const { minimum, maximum, pattern, default: usual, enum: words } = schema;
  const limits = [];
  if (minimum !== undefined && maximum !== undefined) limits.push(`${minimum} to ${maximum}.`);
  else if (minimum !== undefined) limits.push(`At least ${minimum}.`);
  else if (maximum !== undefined) limits.push(`At most ${maximum}.`);
  if (words) limits.push(`One of ${words.map((word) => `\`${word}\``).join(", ")}.`);
  if (pattern) limits.push(`Like \`${pattern}\`.`);
  if (usual !== undefined) limits.push(`By default \`${usual}\`.`);
  return limits.join(" ");
}

/** The members of an object as a definition list; nothing for anything else. */
function members(schema) {
  const { properties = {}, required = [], oneOf } = resolved(schema) ?? {};
  if (oneOf) {
    const alternatives = oneOf.filter((one) => one.type !== "null");
    return alternatives.flatMap((one) => [...prose(one.description), ...members(one)]);
  }
  const names = Object.keys(properties);
  if (!names.length) return [];
  const list = names.flatMap((name) => {
    const member = properties[name];
    const absent = required.includes(name) ? "" : ", may be absent";
    const type = element("span", { class: "type" }, " ", ...typeOf(member), absent);
    const about = member.description ?? resolved(member)?.description;
    const words = [about, limitsOf(member)].filter(Boolean).join(" ");
    const inner = member.items && !nameOf(member.items) ? members(member.items) : [];
    return [
      element("dt", {}, element("code", {}, name), type),
      element("dd", {}, ...inline(words), ...inner),
    ];
  });
  return [element("dl", { class: "members" }, ...list)];
}

/** Everything that has a name, at the end of the page. */
function schemas() {
  const cards = Object.entries(theDocument.components.schemas).map(([name, schema]) =>
    element("section", { class: "word", id: `schema-${name}`, "aria-label": name },
      element("h3", {}, element("code", {}, name), element("span", { class: "type" }, " ", ...typeOf(schema))),
      ...prose(schema.description), ...prose(limitsOf(schema)), ...members(schema)));
  return element("section", { class: "group" }, element("h2", {}, "Schemas"), ...cards);
}
