// /api/v1/openapi.json: OpenAPI 3.1 out of the schemas that check requests and that answers are tested against.
import { type ConversionConfig, toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import type { Route } from "./route.js";
import * as shape from "./schemas.js";

type Json = Record<string, unknown>;

/** Transforms have no word in JSON Schema: of a query the numbers are shown that its texts stand for. */
const CONVERSION: ConversionConfig = { errorMode: "ignore", typeMode: "output" };

export function describeApi(routes: Route[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: describeRoute(route) };
  }
  paths["/api/v1/events"] = { get: EVENTS };
  return {
    openapi: "3.1.1",
    info: { title: "hidb", version: "1", description: "Times are milliseconds since 1970-01-01 UTC." },
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "HIDB_TOKEN" } },
      schemas: { Error: toJson(shape.refusal) },
    },
  };
}

function describeRoute(route: Route): Json {
  const { summary, access, params, query, body, answer, status, mayBeEmpty } = route;
  const parameters = [...describeFields(params, "path"), ...describeFields(query, "query")];
  const responses: Json = {
    [status]: { description: "The answer.", content: json(toJson(answer)) },
    ...(mayBeEmpty && { 204: { description: "Nothing there for now." } }),
    default: { description: "What went wrong.", content: json({ $ref: "#/components/schemas/Error" }) },
  };
  return {
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(route.method === "POST" && {
      requestBody: { content: json(body === undefined ? { type: "object" } : toJson(body)) },
    }),
    ...(access === "change" && { security: [{ token: [] }] }),
    responses,
  };
}

/** Each field of an object schema as a parameter; a list is one text with commas. */
function describeFields(schema: v.GenericSchema | undefined, place: "path" | "query"): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = toJson(schema) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, one]) => ({
    name,
    in: place,
    // With a default it need not be given, whatever comes out of it.
    required: place === "path" || (required.includes(name) && !("default" in one)),
    schema: one.type === "array" ? withoutDefault(one) : one,
    ...(one.type === "array" && { style: "form", explode: false }),
  }));
}

function withoutDefault({ default: _, ...rest }: Json): Json {
  return rest;
}

function toJson(schema: v.GenericSchema): Json {
  const { $schema: _, ...rest } = toJsonSchema(schema, CONVERSION);
  return rest;
}

function json(schema: Json): Json {
  return { "application/json": { schema } };
}

const EVENTS: Json = {
  summary:
    "Server-sent events: `overview` with the answer of /api/v1/overview, at most once a second, when it has changed.",
  responses: { 200: { description: "The stream.", content: { "text/event-stream": { schema: { type: "string" } } } } },
};
