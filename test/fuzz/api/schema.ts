// As much of JSON Schema as openapi.json uses: whether an answer has the shape that it promises.

export type Schema = { [key: string]: unknown };

/** What is wrong, with its place; undefined when nothing is. */
export function findMisfit(value: unknown, schema: Schema, root: Schema, place = "$"): string | undefined {
  if (typeof schema.$ref === "string") return findMisfit(value, resolve(schema.$ref, root), root, place);
  const choices = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined;
  if (choices?.every((one) => findMisfit(value, one, root, place) !== undefined)) {
    return `${place}: ${show(value)} is none of ${choices.length} choices`;
  }
  for (const all of (schema.allOf as Schema[] | undefined) ?? []) {
    const misfit = findMisfit(value, all, root, place);
    if (misfit !== undefined) return misfit;
  }
  if ("const" in schema && value !== schema.const) return `${place}: ${show(value)} is not ${show(schema.const)}`;
  if (Array.isArray(schema.enum) && !schema.enum.includes(value))
    return `${place}: ${show(value)} is none of ${show(schema.enum)}`;
  if (typeof schema.type === "string" && !isOf(schema.type, value))
    return `${place}: ${show(value)} is no ${schema.type}`;
  if (typeof value === "number") {
    if (typeof schema.minimum === "number" && value < schema.minimum) return `${place}: ${value} < ${schema.minimum}`;
    if (typeof schema.maximum === "number" && value > schema.maximum) return `${place}: ${value} > ${schema.maximum}`;
  }
  if (Array.isArray(value)) return findInArray(value, schema, root, place);
  if (typeof value === "object" && value !== null)
    return findInObject(value as Record<string, unknown>, schema, root, place);
  return undefined;
}

function findInArray(value: unknown[], schema: Schema, root: Schema, place: string): string | undefined {
  const items = schema.items as Schema | undefined;
  if (items === undefined) return undefined;
  for (const [at, one] of value.entries()) {
    const misfit = findMisfit(one, items, root, `${place}[${at}]`);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}

function findInObject(value: Record<string, unknown>, schema: Schema, root: Schema, place: string): string | undefined {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const missing = ((schema.required ?? []) as string[]).find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${place}: ${missing} is missing`;
  for (const [name, one] of Object.entries(value)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const rest = schema.additionalProperties;
    if (known === undefined && rest === false) return `${place}: ${name} is not foreseen`;
    const expected = known ?? (typeof rest === "object" ? (rest as Schema) : undefined);
    const misfit = expected && findMisfit(one, expected, root, `${place}.${name}`);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}

function isOf(type: string, value: unknown): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function resolve(reference: string, root: Schema): Schema {
  return reference
    .replace(/^#\//, "")
    .split("/")
    .reduce<Schema>((at, name) => at[name] as Schema, root);
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 100);
}
